#!/usr/bin/env python3
"""Times wordmill beside other programs on one text, and scores all vectors with `wordmill eval`.

    tools/compare.py TEXT [--dim 100] [--threads 2] [--word2vec BIN] [--glove FOLDER]
                     [--analogies FILE]... [--similarity FILE]... [--rounds 1]

TEXT is plain text, a document per line, words between spaces. gensim and fastText take part if Python can import
them, word2vec and GloVe if their programs are named (GloVe: the folder with vocab_count, cooccur, shuffle, glove).
The programs run one after another, `--rounds` times in turn; the fastest time of each counts. Seconds are from text
to vectors on the disk. The table is Markdown, on standard output.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

SETTINGS = dict(window=5, negatives=5, sample=1e-3, min_count=5)


def run(command, **more):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def wordmill(trainer, which="word", **counts):
    def train(args, out):
        settings = {
            "corpus.inputs": json.dumps([str(args.text)]), "corpus.tokenizer": '"whitespace"',
            "train": "[{ name = \"v\", dim = %d, %s }]" % (args.dim, trainer),
            **{f"cooccur.{key}": json.dumps(value) for key, value in counts.items()},
        }
        flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        folder = out.parent / (out.name + ".run")
        run([args.wordmill, "run", *flags, "--run-dir", folder, "--threads", args.threads, "--memory", args.memory], cwd=out.parent)
        vectors = folder / "vectors/v.safetensors"
        if which == "word":
            return vectors
        run([args.wordmill, "export", vectors, f"{out}.bin", "--format", "word2vec", "--which", which])
        return f"{out}.bin"
    return train


def word2vec(*flags):
    def train(args, out):
        run([args.word2vec, "-train", args.text, "-output", out, "-size", args.dim, "-window", SETTINGS["window"],
             "-sample", SETTINGS["sample"], "-min-count", SETTINGS["min_count"], "-iter", 5, "-threads", args.threads,
             "-binary", 1, *flags])
        return out
    return train


PYTHON = {
    "gensim": """
import sys
from gensim.models import Word2Vec
text, out, dim, threads, sg = sys.argv[1:]
model = Word2Vec(corpus_file=text, sg=int(sg), vector_size=int(dim), window=5, negative=5, sample=1e-3, min_count=5,
                 workers=int(threads), epochs=5)
model.wv.save_word2vec_format(out, binary=True)
""",
    "fasttext": """
import sys, fasttext
text, out, dim, threads, kind = sys.argv[1:]
model = fasttext.train_unsupervised(text, model=kind, dim=int(dim), ws=5, neg=5, t=1e-3, minCount=5, minn=0, maxn=0,
                                    epoch=5, thread=int(threads))
words = model.get_words()
with open(out, "w", encoding="utf-8") as file:
    print(len(words), dim, file=file)
    for word in words:
        print(word, *("%.6g" % x for x in model.get_word_vector(word)), file=file)
""",
}


def python(package, kind):
    def train(args, out):
        run([sys.executable, "-c", PYTHON[package], args.text, out, args.dim, args.threads, kind])
        return out
    return train


def glove(args, out):
    tools, place = pathlib.Path(args.glove), out.parent
    vocab, counts, shuffled = place / "glove.vocab", place / "glove.counts", place / "glove.shuffled"
    memory = ["-memory", 2, "-verbose", 0]
    with open(args.text) as text, open(vocab, "w") as to:
        subprocess.run([tools / "vocab_count", "-min-count", "5", "-verbose", "0"], stdin=text, stdout=to, check=True)
    with open(args.text) as text, open(counts, "w") as to:
        subprocess.run([str(x) for x in [tools / "cooccur", "-vocab-file", vocab, "-window-size", 5, *memory,
                                         "-overflow-file", place / "glove.overflow"]], stdin=text, stdout=to, check=True)
    with open(counts) as from_, open(shuffled, "w") as to:
        subprocess.run([str(x) for x in [tools / "shuffle", *memory, "-temp-file", place / "glove.temp"]],
                       stdin=from_, stdout=to, check=True)
    run([tools / "glove", "-input-file", shuffled, "-vocab-file", vocab, "-save-file", out, "-vector-size", args.dim,
         "-x-max", 10, "-iter", 15, "-threads", args.threads, "-binary", 0])
    return pathlib.Path(f"{out}.txt")


def imports(package):
    return subprocess.run([sys.executable, "-c", f"import {package}"], stderr=subprocess.DEVNULL).returncode == 0


def programs(args):
    """Names, the one of wordmill that each is compared with, and how it trains."""
    yield "**wordmill**, skip-gram", None, wordmill("epochs = 5")
    if imports("gensim"):
        yield "gensim, skip-gram", "**wordmill**, skip-gram", python("gensim", "1")
    if args.word2vec:
        yield "word2vec, skip-gram", "**wordmill**, skip-gram", word2vec("-cbow", 0, "-negative", 5)
    if imports("fasttext"):
        yield "fastText, skip-gram without subwords", "**wordmill**, skip-gram", python("fasttext", "skipgram")
    yield "**wordmill**, CBOW", None, wordmill('model = "cbow"')
    if imports("gensim"):
        yield "gensim, CBOW", "**wordmill**, CBOW", python("gensim", "0")
    if args.word2vec:
        yield "word2vec, CBOW", "**wordmill**, CBOW", word2vec("-cbow", 1, "-negative", 5)
    yield "**wordmill**, hierarchical softmax", None, wordmill('objective = "hierarchical-softmax"')
    if args.word2vec:
        yield "word2vec, hierarchical softmax", "**wordmill**, hierarchical softmax", word2vec("-cbow", 0, "-negative", 0, "-hs", 1)
    # What the program glove counts and writes: every pair at 1/d, and the sum of both vectors.
    yield "**wordmill**, GloVe", None, wordmill('model = "glove"', which="sum", weighting="harmonic", subsample=0.0)
    if args.glove:
        yield "GloVe", "**wordmill**, GloVe", glove


def scores(args, vectors):
    sets = [part for kind in ("analogies", "similarity") for path in getattr(args, kind) for part in (f"--{kind}", path)]
    if not sets:
        return []
    said = subprocess.run([args.wordmill, "eval", vectors, *sets, "--json"], check=True, capture_output=True, text=True).stdout
    report = json.loads(said)
    found = [(row["set"], 100 * row["total"]["accuracy"]) for row in report["analogies"]]
    found += [(row["set"], 100 * row["spearman"]) for row in report["similarity"]]
    return [(pathlib.Path(name).stem, score) for name, score in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("--wordmill", default=shutil.which("wordmill"))
    parser.add_argument("--word2vec")
    parser.add_argument("--glove")
    parser.add_argument("--analogies", action="append", default=[])
    parser.add_argument("--similarity", action="append", default=[])
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--memory", default="2GiB")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    args.text = args.text.resolve()
    seconds, found = {}, {}
    with tempfile.TemporaryDirectory() as place:
        for turn in range(args.rounds):
            for number, (name, _, train) in enumerate(programs(args)):
                start = time.monotonic()
                vectors = train(args, pathlib.Path(place) / f"{turn}-{number}")
                seconds[name] = min(seconds.get(name, float("inf")), time.monotonic() - start)
                print(f"{name}: {seconds[name]:.1f} s", file=sys.stderr)
                found[name] = scores(args, vectors)
    titles = [title for title, _ in next(iter(found.values()))]
    print("| | seconds | wordmill is faster by |" + "".join(f" {title} |" for title in titles))
    print("|---|---|---|" + "---|" * len(titles))
    for name, ours, _ in programs(args):
        ratio = f"{seconds[name] / seconds[ours]:.1f} ×" if ours else ""
        print(f"| {name} | {seconds[name]:.1f} | {ratio} |" + "".join(f" {score:.1f} |" for _, score in found[name]))


main()
