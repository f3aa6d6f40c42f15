"""DSPy: modules, agents, tools, retrievers and evaluations in the tree, each provider call once (by LiteLLM)."""

import json

import pytest
from loopback.server import Loopback

from frameworks.environments import OPENAI_2, Environments
from frameworks.program import CALL_USD, run_program
from frameworks.scripted import environment_of, scripted

pytestmark = pytest.mark.packaging

PROGRAM = """
import dspy

with_openinference(("dspy", "DSPyInstrumentor"), ("litellm", "LiteLLMInstrumentor"), ("openai", "OpenAIInstrumentor"))
lm = dspy.LM("openai/gpt-4o-mini", api_base=os.environ["OPENAI_BASE_URL"], api_key="demo", cache=False, num_retries=0)
told = []


class Mine(dspy.utils.BaseCallback):
    def on_module_start(self, call_id, instance, inputs):
        told.append(type(instance).__name__)


def search(query: str) -> str:
    '''Finds papers.'''
    return "three papers"


async def count(text: str) -> str:
    '''Counts words.'''
    return "12"


class Researcher(dspy.Module):
    def __init__(self):
        super().__init__()
        self.find = dspy.ReAct("question -> answer", tools=[search], max_iters=3)

    def forward(self, question):
        return self.find(question=question)

    async def aforward(self, question):
        return await self.find.acall(question=question)


class Writer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.draft = dspy.ChainOfThought("notes -> text")

    def forward(self, notes):
        return self.draft(notes=notes)

    async def aforward(self, notes):
        await dspy.Tool(count).acall(text=notes)
        return await self.draft.acall(notes=notes)


class Desk(dspy.Module):
    def __init__(self):
        super().__init__()
        self.researcher, self.writer = Researcher(), Writer()

    def forward(self, question):
        return self.writer(notes=self.researcher(question=question).answer)

    async def aforward(self, question):
        return await self.writer.acall(notes=(await self.researcher.acall(question=question)).answer)


dspy.configure(lm=lm, adapter=dspy.JSONAdapter(), callbacks=[Mine()])
with llmobserve.run("sync"):
    seen["sync"] = Desk()(question="What?").text


async def asynchronous():
    with llmobserve.run("async"):
        seen["async"] = (await Desk().acall(question="What?")).text


asyncio.run(asynchronous())
of_two_customers(lambda: Desk()(question="What?"))
with llmobserve.run("parallel"):
    writer = Writer()
    examples = [dspy.Example(notes=name).with_inputs("notes") for name in ("one", "two")]
    dspy.Parallel(num_threads=2, disable_progress_bar=True)([(writer, example) for example in examples])
with llmobserve.run("evaluation"):
    question = [dspy.Example(notes="one", text="a text").with_inputs("notes")]
    dspy.Evaluate(devset=question, metric=lambda example, made, trace=None: 1.0, display_progress=False)(Writer())


class Papers:
    def __call__(self, query, k=1, **options):
        return [dspy.Prediction(long_text="a paper")]


with llmobserve.run("retrieval"), dspy.context(rm=Papers()):
    dspy.Retrieve(k=1)("cats")


def broken(query: str) -> str:
    '''Fails.'''
    raise LookupError("no such paper")


with llmobserve.run("broken tool"):
    seen["broken tool"] = failure(lambda: dspy.Tool(broken)(query="cats"))
with llmobserve.run("refused"):
    seen["refused"] = failure(lambda: Writer()(notes="Refuse this"))
seen["told"] = told.count("Desk")
"""
RESEARCHER = """\
  chain Researcher
    agent ReAct
      step Predict
        call
      tool search
      step Predict
        call
      tool finish
      step ChainOfThought
        step Predict
          call"""
DRAFT = """\
step ChainOfThought
  step Predict
    call"""


def indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


DESK = f"chain Desk\n{RESEARCHER}\n  chain Writer\n{indented(DRAFT, 4)}"
DESK_ASYNC = f"chain Desk\n{RESEARCHER}\n  chain Writer\n    tool count\n{indented(DRAFT, 4)}"
WRITER = f"chain Writer\n{indented(DRAFT, 2)}"


def say(conversation: str) -> str:
    """What the model says to ReAct, first to use the tool and then to finish, and to all others."""
    if "next_tool_name" not in conversation:
        return json.dumps({"reasoning": "It is so.", "answer": "three papers", "text": "a text"})
    tool = "finish" if "three papers" in conversation else "search"
    arguments = {"query": "cats"} if tool == "search" else {}
    return json.dumps({"next_thought": "Look.", "next_tool_name": tool, "next_tool_args": arguments})


@pytest.mark.parametrize("mode", ["plain", "openinference"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    with Loopback(scripted(say=say)) as server:
        outcome = run_program(environments.python(OPENAI_2), PROGRAM, environment_of(server), mode=mode)
    assert outcome.states("dspy") == {"active"}
    for run in ("sync", "run of c1", "run of c2"):
        assert outcome.tree(run) == DESK, run
    assert outcome.tree("async") == DESK_ASYNC
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    assert outcome.tree("parallel") == f"{WRITER}\n{WRITER}"
    assert outcome.tree("evaluation") == f"evaluator Evaluate\n{indented(WRITER, 2)}"
    assert outcome.tree("retrieval") == "retriever Retrieve"
    assert outcome.tree("broken tool") == "tool broken !"
    assert outcome.tree("refused").startswith(
        "chain Writer !\n  step ChainOfThought !\n    step Predict !\n      call !"
    )
    assert outcome.seen == {
        "sync": "a text",
        "async": "a text",
        "broken tool": "LookupError",
        "refused": "LMInvalidRequestError",
        # Sync, async, and one for each customer: the application's own callback is called as before.
        "told": 4,
    }
    assert len(outcome.calls) == len(server.ledger)
    # Four desks of 4, two in parallel, one evaluated.
    assert outcome.usd == 19 * CALL_USD
