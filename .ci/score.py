"""Holds `runner explain -` against texts whose causes are known.

    score.py RUNNER EXAMPLES.jsonl

Each example has "where", "text", "exit_code" and "cause". Ends with 1 below 95 % of exact names, or where a wrong name is
called `certain`: a wrong name is worse than `unknown`.
"""

import json
import subprocess
import sys

LEAST = 0.95


def main() -> int:
    runner, path = sys.argv[1:]
    with open(path, encoding="utf-8") as lines:
        examples = [json.loads(line) for line in lines if line.strip()]
    asked = "".join(
        json.dumps({key: example.get(key) for key in ("where", "text", "exit_code")}) + "\n" for example in examples
    )
    process = subprocess.run(
        [runner, "explain", "-", "--format", "json"], input=asked, capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    if not examples or len(answers) != len(examples):
        print(f"{len(answers)} answers to {len(examples)} examples")
        return 1
    wrong = [(example, answer) for example, answer in zip(examples, answers) if example["cause"] != answer["cause"]]
    sure = [pair for pair in wrong if pair[1]["certainty"] == "certain"]
    for example, answer in wrong:
        print(f"  {example['cause']}: answered {answer['cause']} ({answer['certainty']})")
    exact = len(examples) - len(wrong)
    print(f"causes: {exact} of {len(examples)} exact ({exact / len(examples):.1%}), {len(sure)} wrong and certain")
    return 1 if sure or exact < LEAST * len(examples) else 0


if __name__ == "__main__":
    sys.exit(main())
