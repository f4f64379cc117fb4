"""What the other benchmarks left: speed, exports, parity, server, scale."""

from collections.abc import Iterator

from cells import RESULTS, read_cells
from tables import table_row

SPEED = RESULTS / "speed.jsonl"
RUNTIME = RESULTS / "runtime.jsonl"
SERVING = RESULTS / "serving.jsonl"
PARITY = RESULTS / "parity.jsonl"
SCALE = RESULTS / "scale.jsonl"
TEACHER_PASS = RESULTS / "teacher_pass.jsonl"


def speed_lines() -> Iterator[str]:
    """The last line that `benchmarks/speed.py` left."""
    if not SPEED.exists():
        return
    figures = read_cells(SPEED)[-1]
    yield from ("", f"## Speed ({figures['corpus']}, one thread)", "", "| figure | value |", "| --- | --- |")
    ratio = figures["epoch_ratio_kd_to_gold"]
    yield f"| epoch of `tagger_kd` (teacher outputs stored) / epoch of `tagger` | {ratio:.2f} |"
    yield f"| fetching and collating, share of a training step | {figures['data_share_of_step']:.1%} |"
    words = f"{figures['inference_words_per_second']:,.0f}"
    yield f"| `nlp-inference tagger`, raw file to output file, words per second | {words} |"


def runtime_lines() -> Iterator[str]:
    """The last line that `benchmarks/runtime.py` left."""
    if not RUNTIME.exists():
        return
    from nlparch.procedures.bench import table

    line = read_cells(RUNTIME)[-1]
    yield from ("", f"## Exported: speed, size, quality ({line['corpus']}, one core each, {line['machine']})", "")
    yield table(line["figures"])
    yield from ("", "*words/s*: raw text in, entities out, words met before; *first pass*: just after loading.")


def serving_lines() -> Iterator[str]:
    """The last lines that `benchmarks/serving.py` left, of rates and of a soak."""
    if not SERVING.exists():
        return
    lines = read_cells(SERVING)
    for rates in [line for line in lines if "words_20" in line][-1:]:
        yield from ("", f"## Server ({rates['model']}, load generator on the same {rates['n_cores']} cores)", "")
        yield "| words a text | offered, of the peak | answers/s | p50 ms | p99 ms | refused | p99 ms of refusals |"
        yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        for n_words in (20, 400):
            for share, found in rates[f"words_{n_words}"].items():
                if share != "peak":
                    refused = "-" if found["refused_p99"] is None else f"{found['refused_p99']:.0f}"
                    yield (
                        f"| {n_words} | {share.removeprefix('at_')} x {rates[f'words_{n_words}']['peak']:,.0f} | "
                        f"{found['goodput']:,.0f} | {found['p50']:.1f} | {found['p99']:.1f} | {found['refused']:,} | "
                        f"{refused} |"
                    )
        yield from (
            "",
            f"Seconds from a restart after kill -9 under load to the first answer: {rates['restart_seconds']}.",
        )
        yield f"Requests while models were swapped under load, by status: {rates['swap']['statuses']}."
    for soaked in [line["soak"] for line in lines if "soak" in line][-1:]:
        memory = f"{soaked['resident_mb'][0]} MB after a tenth of the time, {soaked['resident_mb'][-1]} MB at the end"
        yield f"{soaked['minutes']:.0f} minutes of good and hostile requests: resident memory {memory}, "
        yield f"{soaked['n_5xx_or_lost']} lost or answered by 5xx."


def parity_lines() -> Iterator[str]:
    """Of each model that `benchmarks/parity.py` read, the last lines, all corpora together."""
    last = {(line["model"], line["corpus"]): line for line in read_cells(PARITY)}
    if not last:
        return
    models = list(dict.fromkeys(model for model, _ in last))
    yield from ("", "## Exported: the same tags", "")
    yield table_row(
        "model", "corpora", "words", "torch and fp32 differ", "fp32 and int8 differ", "int8 alone and in batches"
    )
    yield "| --- |" + " ---: |" * 5
    for model in models:
        lines = [line for (own, _), line in last.items() if own == model]
        n_words = sum(line["words"] for line in lines)
        differ = sum(line["fp32_differs"] + line["fp32_differs_alone"] for line in lines)
        shares = (max(line[name] for line in lines) for name in ("int8_differs", "int8_differs_by_batch"))
        yield table_row(
            model, str(len(lines)), f"{n_words:,}", f"{differ} words", *(f"{x:.3%} at most" for x in shares)
        )


def scale_lines() -> Iterator[str]:
    """What `benchmarks/scale.py` and `benchmarks/teacher_pass.py` left."""
    lines = [{"teacher": "random, one layer", "to_the_end": False} | line for line in read_cells(SCALE)]
    sizes = {(line["teacher"], line["to_the_end"], line["sentences"]): line for line in lines}
    if sizes:
        yield from ("", "## Raw text at scale (`tagger_kd_pseudo`)", "")
        names = ("teacher", "student", "sentences", "words", "peak memory", "minutes", "bytes stored a word", "commit")
        yield table_row(*names)
        yield "| --- | --- |" + " ---: |" * 5 + " --- |"
    for (teacher, to_the_end, n_sentences), line in sizes.items():
        minutes, stored = f"{line['seconds'] / 60:.1f}", f"{line['stored_bytes_per_word']:.1f}"
        peak = f"{line['peak_gigabytes']:.2f} GB"
        stored_too = f"{stored} ({line['labels']} labels)"
        commit = line["commit"]
        student = "trained to the end" if to_the_end else "10 steps"
        yield table_row(teacher, student, f"{n_sentences:,}", f"{line['words']:,}", peak, minutes, stored_too, commit)
    for line in read_cells(TEACHER_PASS)[-1:]:
        yield ""
        yield (
            f"The teacher's pass, {line['teacher']}, {line['device']}, {line['precision']}: "
            f"{line['pass_words_per_second']:,.0f} words a second, {line['ratio']:.1%} of the bare model's."
        )
