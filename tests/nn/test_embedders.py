import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nlparch.nn.embedders import CNNLSTM, IDCNN, BidirectionalLSTM, Dropout
from nlparch.nn.words import CharacterCNN, Convolution, WordEncoder

N_WORDS, N_CHARACTERS, N_SHAPES, N_BUCKETS, N_AFFIXES = 20, 15, 6, 9, 2
LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=4).filter(any)


def make_words(**options) -> WordEncoder:
    sizes = {"word_width": 7, "char_width": 4, "n_char_filters": 5, "affix_width": 3, "shape_width": 2} | options
    counts = {"n_words": N_WORDS, "n_characters": N_CHARACTERS, "n_shapes": N_SHAPES}
    return WordEncoder(**counts, n_affix_buckets=N_BUCKETS, n_affixes=N_AFFIXES, **sizes)


def make_cnnlstm(words: WordEncoder | None = None, **options) -> CNNLSTM:
    return CNNLSTM(words or make_words(), **{"lstm_width": 6} | options).double().eval()


def make_idcnn(words: WordEncoder | None = None, **options) -> IDCNN:
    return IDCNN(words or make_words(), **{"n_filters": 6} | options).double().eval()


ENCODERS = {
    "cnn-lstm": make_cnnlstm,
    "cnn-lstm, one layer": lambda: make_cnnlstm(n_lstm_layers=1),
    "id-cnn": make_idcnn,
    "id-cnn, three blocks": lambda: make_idcnn(n_blocks=3, dilations=(1, 2, 4)),
    "id-cnn, even kernels": lambda: make_idcnn(make_words(char_kernel=4), conv_kernel=2),
    "id-cnn, sentence context": lambda: make_idcnn(sentence_context=True, n_blocks=2),
    "id-cnn, no characters": lambda: make_idcnn(make_words(n_char_filters=0)),
    "cnn-lstm, word vectors alone": lambda: make_cnnlstm(make_words(n_char_filters=0, affix_width=0, shape_width=0)),
}
every_encoder = pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)


def sentences(lengths: list[int]) -> dict[str, Tensor]:
    """A batch of random sentences, padded as a tagger pads them."""
    n_words, n_forms = max(lengths), sum(lengths)
    mask = torch.arange(n_words) < torch.tensor(lengths).unsqueeze(1)
    form_lengths = torch.randint(1, 7, (n_forms, 1))
    return {
        "word_ids": torch.randint(1, N_WORDS, mask.shape) * mask,
        "form_index": torch.randint(0, n_forms, mask.shape) * mask,
        "char_ids": torch.randint(1, N_CHARACTERS, (n_forms, 6)) * (torch.arange(6) < form_lengths),
        "affix_ids": torch.randint(1, N_BUCKETS + 1, (n_forms, N_AFFIXES)),
        "shape_ids": torch.randint(1, N_SHAPES, mask.shape) * mask,
        "mask": mask,
    }


def alone(batch: dict[str, Tensor], row: int, length: int) -> dict[str, Tensor]:
    """One sentence of a batch without padding, and with only its own forms."""
    forms, form_index = batch["form_index"][row, :length].unique(return_inverse=True)
    chars = batch["char_ids"][forms]
    words = {name: batch[name][row : row + 1, :length] for name in ("word_ids", "shape_ids", "mask")}
    of_forms = {"char_ids": chars[:, : (chars > 0).sum(1).max()], "affix_ids": batch["affix_ids"][forms]}
    return {**words, "form_index": form_index.unsqueeze(0), **of_forms}


def gradients(encoder: nn.Module) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in encoder.parameters()]


@every_encoder
@settings(deadline=None, max_examples=15)
@given(lengths=LENGTHS, seed=st.integers(0, 1000))
def test_padding_changes_neither_outputs_nor_gradients(make, lengths, seed):
    torch.manual_seed(seed)
    encoder, batch = make(), sentences(lengths)
    hidden = encoder(**batch)
    assert hidden.shape == (len(lengths), max(lengths), encoder.out_width)
    assert (hidden[~batch["mask"]] == 0).all()
    hidden.square().sum().backward()
    together = gradients(encoder)
    encoder.zero_grad()
    for row, length in enumerate(lengths):
        if length:
            single = encoder(**alone(batch, row, length))
            assert torch.allclose(single[0], hidden[row, :length])
            single.square().sum().backward()
    assert all(torch.allclose(a, b) for a, b in zip(together, gradients(encoder), strict=True))


@every_encoder
def test_every_parameter_learns_except_the_padding_rows(make):
    torch.manual_seed(0)
    encoder = make()
    encoder(**sentences([6, 5, 6, 4])).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    for module in encoder.modules():
        if isinstance(module, nn.Embedding):
            assert (module.weight[0] == 0).all()
            assert (module.weight.grad[0] == 0).all()


@every_encoder
def test_each_feature_reaches_the_output(make):
    torch.manual_seed(0)
    encoder, batch = make(), sentences([6, 3])
    hidden = encoder(**batch)
    used = ["word_ids"]
    used += ["shape_ids"] if encoder.words.shapes is not None else []
    used += ["char_ids"] if encoder.words.characters is not None else []
    used += ["affix_ids"] if encoder.words.affixes is not None else []
    for name in used:
        # Every real id becomes its neighbour.
        other = batch[name] % (N_SHAPES - 1) + 1
        assert not torch.allclose(encoder(**batch | {name: other * (batch[name] > 0)}), hidden), name


def test_with_sentence_context_the_last_word_reaches_the_first_beyond_every_filter():
    torch.manual_seed(0)
    batch = sentences([40])
    others = {**batch, "word_ids": batch["word_ids"].clone()}
    others["word_ids"][0, -1] = batch["word_ids"][0, -1] % (N_WORDS - 1) + 1
    for sees_all in (False, True):
        torch.manual_seed(1)
        encoder = make_idcnn(sentence_context=sees_all, n_filters=16)
        assert torch.equal(encoder(**batch)[0, 0], encoder(**others)[0, 0]) != sees_all


@settings(deadline=None, max_examples=25)
@given(lengths=LENGTHS, n_layers=st.integers(1, 3), seed=st.integers(0, 1000))
def test_dense_reading_in_training_is_packed_reading(lengths, n_layers, seed):
    torch.manual_seed(seed)
    context = BidirectionalLSTM(in_width=4, width=3, n_layers=n_layers).double()
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    inputs = torch.randn(*mask.shape, 4, dtype=torch.float64)
    dense, target = context.train()(inputs, mask), torch.randn(*mask.shape, 6, dtype=torch.float64)
    (dense * target).sum().backward()
    dense_gradients = gradients(context)
    context.zero_grad()
    packed = context.eval()(inputs, mask)
    (packed * target).sum().backward()
    assert torch.allclose(dense, packed)
    assert all(torch.allclose(a, b) for a, b in zip(dense_gradients, gradients(context), strict=True))


def test_vectors_of_a_word_with_several_ids_add_up():
    torch.manual_seed(0)
    words, batch = make_words(), sentences([3, 2])
    inputs = {name: value for name, value in batch.items() if name != "mask"}
    ids = torch.stack([batch["word_ids"], batch["word_ids"].flip(0)], -1)
    one, other = (words(**inputs | {"word_ids": ids[..., number]}) for number in range(2))
    both = words(**inputs | {"word_ids": ids})
    width = words.table.embedding_dim
    assert torch.allclose(both[..., :width], (one + other)[..., :width])
    assert torch.equal(both[..., width:], one[..., width:])


def test_lstm_drops_out_between_layers_in_training_only():
    torch.manual_seed(0)
    inputs, mask = torch.randn(2, 5, 4), torch.ones(2, 5, dtype=torch.bool)
    one = BidirectionalLSTM(in_width=4, width=3, n_layers=1, dropout=0.5).train()
    assert torch.equal(one(inputs, mask), one(inputs, mask))
    two = BidirectionalLSTM(in_width=4, width=3, n_layers=2, dropout=0.5).train()
    assert not torch.equal(two(inputs, mask), two(inputs, mask))
    two.eval()
    assert torch.equal(two(inputs, mask), two(inputs, mask))


@pytest.mark.parametrize("name", ["input_dropout", "middle_dropout", "hidden_dropout"])
def test_each_dropout_of_idcnn_acts_in_training_only(name):
    torch.manual_seed(0)
    chosen = {"input_dropout": 0.0, "middle_dropout": 0.0, "hidden_dropout": 0.0, name: 0.5}
    encoder, batch = make_idcnn(n_blocks=2, **chosen), sentences([6, 4])
    assert torch.equal(encoder(**batch), encoder(**batch))
    encoder.train()
    assert not torch.equal(encoder(**batch), encoder(**batch))


def test_cnnlstm_without_dropout_trains_on_what_it_predicts():
    torch.manual_seed(0)
    encoder, batch = make_cnnlstm(dropout=0.0), sentences([6, 0, 3])
    predicted = encoder(**batch)
    assert torch.allclose(encoder.train()(**batch), predicted)


def test_blocks_of_idcnn_share_their_weights_and_change_the_output():
    torch.manual_seed(0)
    one, two, batch = make_idcnn(n_blocks=1), make_idcnn(n_blocks=2), sentences([6, 4])
    two.load_state_dict(one.state_dict())
    assert not torch.allclose(one(**batch), two(**batch))


def test_character_vectors_are_the_highest_values_over_real_characters():
    torch.manual_seed(0)
    cnn = CharacterCNN(n_characters=N_CHARACTERS, char_width=4, n_filters=5)
    char_ids = torch.tensor([[3, 4, 0, 0], [1, 2, 3, 4], [0, 0, 0, 0]])
    vectors = cnn(char_ids)
    conv = conv1d_like(cnn.convolution)
    for form, length in ((0, 2), (1, 4)):
        expected = conv(cnn.embedding(char_ids[form, :length]).T).amax(1).relu()
        assert torch.allclose(vectors[form], expected, atol=1e-6)
    assert (vectors[2] == 0).all()


def test_padding_characters_never_win():
    cnn = CharacterCNN(n_characters=N_CHARACTERS, char_width=4, n_filters=5)
    nn.init.constant_(cnn.convolution.linear.bias, 3.0)
    nn.init.constant_(cnn.convolution.linear.weight, 0.0)
    nn.init.constant_(cnn.convolution.linear.weight[:1], -1.0)
    nn.init.constant_(cnn.embedding.weight[1:], 1.0)
    char_ids = torch.tensor([[1, 1, 1, 1, 1]])
    # A filter that dislikes characters would be happiest far out on the padding.
    assert torch.equal(cnn(torch.cat([char_ids, torch.zeros(1, 9, dtype=torch.long)], 1)), cnn(char_ids))


def conv1d_like(convolution: Convolution) -> nn.Conv1d:
    n_filters, width = convolution.linear.weight.shape
    kernel, dilation = convolution.kernel, convolution.dilation
    in_width = width // kernel
    conv = nn.Conv1d(in_width, n_filters, kernel, padding="same", dilation=dilation)
    conv.weight.data = convolution.linear.weight.data.view(n_filters, kernel, in_width).transpose(1, 2).contiguous()
    conv.bias.data = convolution.linear.bias.data
    return conv


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (3, 2), (5, 3)])
def test_convolution_is_conv1d(kernel, dilation):
    convolution = Convolution(in_width=4, n_filters=6, kernel=kernel, dilation=dilation)
    inputs = torch.randn(2, 7, 4)
    expected = conv1d_like(convolution)(inputs.transpose(1, 2)).transpose(1, 2)
    assert torch.allclose(convolution(inputs), expected, atol=1e-6)


def test_dropout_keeps_the_expected_value_and_the_given_share():
    torch.manual_seed(0)
    dropped = Dropout(0.35)(torch.ones(100_000))
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.35, abs=0.01)
    assert dropped.max().item() == pytest.approx(1 / 0.65)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_dropout_does_nothing_where_it_should_not(share):
    inputs = torch.randn(4)
    module = Dropout(share)
    assert torch.equal(module.train(share == 0)(inputs), inputs)


def test_form_order_and_unused_forms_change_nothing():
    torch.manual_seed(0)
    encoder, batch = make_cnnlstm(), sentences([4, 2])
    order = torch.randperm(len(batch["char_ids"]))
    shuffled = {
        "char_ids": torch.cat([batch["char_ids"][order], torch.ones(3, 6, dtype=torch.long)]),
        "affix_ids": torch.cat([batch["affix_ids"][order], torch.ones(3, N_AFFIXES, dtype=torch.long)]),
        "form_index": order.argsort()[batch["form_index"]],
    }
    assert torch.allclose(encoder(**batch | shuffled), encoder(**batch))
