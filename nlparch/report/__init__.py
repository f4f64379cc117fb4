"""Reports: what a run's metrics, notes, curves and options say, as Markdown and as a page with plots."""

from nlparch.report.card import write_card
from nlparch.report.markdown import score_table, write_report
from nlparch.report.material import Evidence, Size
from nlparch.report.page import write_page

__all__ = ["Evidence", "Size", "score_table", "write_card", "write_page", "write_report"]
