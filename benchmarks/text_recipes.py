"""Text classifiers: corpora with their targets, levers, and what is run of them."""

from recipes import Corpus, lever

CORPORA = {
    "sst2": Corpus(folder="sst2", target=0.96, measure="accuracy", teacher_epochs=4, floor=0.86),
    "trec6": Corpus(folder="trec6", target=0.99, measure="accuracy"),
    "banking77": Corpus(folder="banking77", target=0.985, measure="accuracy", teacher_epochs=6),
    "snips_intent": Corpus(
        folder="snips_intent",
        target=0.995,
        measure="accuracy",
        teacher_epochs=4,
        teacher_flags=("--batch_size", "64"),
    ),
    "goemotions": Corpus(
        folder="goemotions",
        target=0.95,
        measure="macro_f1",
        teacher_epochs=3,
        teacher_flags=("--batch_size", "16"),
        raw=("youtube/unlabeled.txt", "tweets/unlabeled.txt"),
    ),
}
# At most a third more steps than ten passes over the training texts alone, of twice as many texts each.
_AUGMENTED = ("--augment", "8", "--epochs", "3", "--batch_size", "32")
LEVERS = {
    "id-cnn": lever("--model_type", "id-cnn"),
    "bilstm": lever("--model_type", "bilstm"),
    "cnn": lever("--model_type", "cnn"),
    "bag": lever("--model_type", "bag"),
    "mean": lever("--pooling", "mean"),
    "attention": lever("--pooling", "attention"),
    "base": lever("--size", "base"),
    "nano": lever("--size", "nano"),
    "kl": lever("--kd_loss_fn", "kl"),
    "kl-4": lever("--kd_loss_fn", "kl", "--kd_temp", "4"),
    "mse": lever("--kd_loss_fn", "mse"),
    "random-words": lever("--init_embeddings", "random"),
    "own-words": lever("--no_teacher_words"),
    "augment-8": lever(*_AUGMENTED),
    "augment-20": lever("--augment", "20", "--epochs", "3", "--batch_size", "32"),
    "swap-8": lever(*_AUGMENTED, "--augment_kinds", "swap", "mask", "ngram"),
    "lr-2e-3": lever("--lr", "2e-3"),
    "epochs-6": lever("--epochs", "6"),
    "epochs-20": lever("--epochs", "20"),
}
STUDENTS = (
    "classifier",
    "classifier_kd",
    "classifier_kd+cnn",
    "classifier_kd+bag",
    "classifier_kd+augment-20",
    "classifier_kd+epochs-20",
    "classifier_kd_pseudo",
)
ABLATION_CORPORA = ("sst2", "trec6", "banking77")
# Recipe: what it is compared with, and what it changes.
ABLATIONS = {
    **{
        f"classifier_kd+{name}": ("classifier_kd", told)
        for name, told in {
            "mse": "MSE in place of KL at temperature 2",
            "kl": "KL at temperature 1",
            "own-words": "no words of the teacher's vocabulary",
            "random-words": "word vectors begin at random, and there are none of the teacher's",
            "bilstm": "BiLSTM in place of dilated convolutions",
            "cnn": "convolutions side by side in their place",
            "bag": "a bag of n-grams in their place",
            "augment-8": "augmented: eight more of each text",
        }.items()
    },
    "classifier_kd+augment-20": ("classifier_kd+augment-8", "twenty in place of eight"),
    "classifier_kd+swap-8": ("classifier_kd+augment-8", "words swapped in place of similar ones"),
}
