"""What is taken for a secret in text, what is not, and that looking for it takes time in proportion to the length."""

import base64
import time
from urllib.parse import quote

import pytest

from llmobserve.secret_patterns import names_a_secret, without_secrets

LETTERS = "aB3dE5fG7hJ9kL2mN4pQ6rS8tU0vW1xY3zA5bC7dE9fG1hJ3kL5mN7pQ9rS1tU3vW5xY7z"
HEX = "0123456789abcdef" * 4
PEM = "\n".join(("Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,00FF", "", LETTERS, LETTERS))

SHAPES = {
    "openai": f"sk-{LETTERS[:48]}",
    "openai project": f"sk-proj-{LETTERS[:40]}_{LETTERS[:20]}",
    "openai service": f"sk-svcacct-{LETTERS[:40]}",
    "anthropic": f"sk-ant-api03-{LETTERS[:40]}-AA",
    "openrouter": f"sk-or-v1-{HEX}",
    "langfuse": f"pk-lf-{HEX[:8]}-1234-1234-1234-{HEX[:12]}",
    "google": f"AIzaSy{LETTERS[:33]}",
    "google oauth secret": f"GOCSPX-{LETTERS[:28]}",
    "google access token": f"ya29.{LETTERS[:60]}",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "aws session": "ASIAIOSFODNN7EXAMPLE",
    "bedrock": f"ABSK{LETTERS[:68]}==",
    "azure": f"{LETTERS[:52]}JQQJ99{LETTERS[:26]}",
    "azure storage": f"AccountName=a;AccountKey={LETTERS[:64]}==;EndpointSuffix=core.windows.net",
    "entra": f"abc8Q~{LETTERS[:34]}",
    "github": f"ghp_{LETTERS[:36]}",
    "github fine": f"github_pat_{LETTERS[:22]}_{LETTERS[:59]}",
    "gitlab": f"glpat-{LETTERS[:20]}",
    "slack": f"xoxb-123456789012-{LETTERS[:24]}",
    "slack app": f"xapp-1-A0123-{LETTERS[:24]}",
    "slack hook": f"https://hooks.slack.com/services/T000/B000/{LETTERS[:24]}",
    "stripe": f"sk_live_{LETTERS[:24]}",
    "stripe restricted": f"rk_test_{LETTERS[:24]}",
    "stripe hook": f"whsec_{LETTERS[:32]}",
    "huggingface": f"hf_{LETTERS[:34]}",
    "groq": f"gsk_{LETTERS[:52]}",
    "xai": f"xai-{LETTERS[:70]}",
    "perplexity": f"pplx-{LETTERS[:48]}",
    "replicate": f"r8_{LETTERS[:37]}",
    "fireworks": f"fw_{LETTERS[:24]}",
    "cerebras": f"csk-{LETTERS[:48]}",
    "nvidia": f"nvapi-{LETTERS[:64]}",
    "tavily": f"tvly-{LETTERS[:32]}",
    "pinecone": f"pcsk_{LETTERS[:6]}_{LETTERS[:60]}",
    "langsmith": f"lsv2_pt_{HEX[:32]}_{HEX[:10]}",
    "elevenlabs": f"sk_{HEX[:48]}",
    "twilio": f"SK{HEX[:32]}",
    "sendgrid": f"SG.{LETTERS[:22]}.{LETTERS[:43]}",
    "telegram": f"123456789:AA{LETTERS[:33]}",
    "npm": f"npm_{LETTERS[:36]}",
    "own": f"llmo_ingest_{LETTERS[:28]}",
    "jwt": f"eyJhbGciOiJIUzI1NiJ9.eyJ{LETTERS[:30]}.{LETTERS[:43]}",
    "pem": f"-----BEGIN RSA PRIVATE KEY-----\n{PEM}\n-----END RSA PRIVATE KEY-----",
    "pem without end": f"-----BEGIN PRIVATE KEY-----\n{PEM}",
    "bearer": f"Bearer {LETTERS[:30]}",
    "url": f"postgres://app:{LETTERS[:12]}@db.example.com/app",
    "url without user": f"redis://:{LETTERS[:12]}@cache",
    "url with @ in the password": f"amqp://app:{LETTERS[:6]}@{LETTERS[:6]}@mq",
    "url of a repository": f"https://{LETTERS[:30]}@git.example.com/x.git",
    "base64": base64.b64encode(f"sk-ant-{LETTERS[:30]}".encode()).decode(),
    "base64 inside": base64.b64encode(f"key: ghp_{LETTERS[:36]};".encode()).decode(),
    "basic": "Basic " + base64.b64encode(f"ann:{LETTERS[:12]}".encode()).decode(),
    "percent": quote(f"sk-proj-{LETTERS[:30]}").replace("-", "%2D"),
    "percent field": quote('{"password": "' + LETTERS[:12] + '"}'),
}
SURROUNDINGS = ["{}", "use {} now", "a='{}',", '{{"x": "{}"}}', "first\n{}\nlast", "<b>{}</b>"]

NAMED = [
    "password=H",
    "DB_PASSWORD=H",
    "export AWS_SECRET_ACCESS_KEY=H",
    "password: H",
    "api_key = 'H'",
    'apiKey: "H"',
    "--api-key H",
    '{"password": "H"}',
    '{"password": "with \\"H\\" quoted", "user": "ann"}',
    r"{\"client_secret\": \"H\"}",
    r"{\"password\": \"a\\\"H\"}",
    "environ({'DB_PASSWORD': 'H', 'HOME': '/'})",
    "Authorization: Basic H",
    "authorization: ApiKey H",
    "Cookie: session=H; theme=dark",
    "https://example.com/?key=H&alt=sse",
    "https://example.com/?a=b&access_token=H",
    "https://s3.example.com/x?X-Amz-Signature=H",
    'Content-Disposition: form-data; name="password"\r\n\r\nH\r\n--x',
    "x-goog-api-key: H",
]

ORDINARY = """\
Write a risk-averse plan: keep the task-list short, and the desk-side lamp on. Sk-ills matter.
The password is required and the token budget is 4096. Forgot your password? Ask for a new one.
password: required, token: optional, secret: the best kept secret of the town
def login(user: str, password: str, token: str | None = None) -> bool:
    return check_password(password=password, token=self.token, api_key=settings.api_key)
client = OpenAI(api_key=os.environ["OPENAI_API_KEY"], timeout=30)
client = Anthropic(api_key=os.getenv("ANTHROPIC_API_KEY"))
headers = {"Authorization": f"Bearer {token}", "X-Api-Key": api_key}
rows = sorted(rows, key=operator.itemgetter("start_time"), reverse=True)
max_tokens=1024, stop_token="<|endoftext|>", pad_token="[PAD]", eos_token_id=50256
tokens = tokenizer.encode(text); next_token = logits.argmax(-1); num_tokens: 128
{"usage": {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}}
{"type": "object", "properties": {"password": {"type": "string"}}, "required": ["password"]}
<div class="sk-estimator-doc-link sk-parallel-item-container">hf_hub_download(repo_id="a/b")</div>
curl -H "Authorization: Bearer $TOKEN" -u "$USER:$PASSWORD" https://api.example.com/v1/models
postgres://user:password@localhost:5432/app and redis://${USER}:${PASSWORD}@cache:6379
see https://example.com/a@b, mailto:ann@example.com, git@github.com:example/repo.git, http://[::1]:8080/x?y=z
commit 3f786850e387550fdab836ed7e6dc881de23001b, md5 d41d8cd98f00b204e9800998ecf8427e
id 123e4567-e89b-12d3-a456-426614174000 of chatcmpl-9abcDEFghiJKLmnoPQRstuVWXyz12, req_011CSHoEeqs5C35K2UUqR7Fy
/var/lib/data/models/meta-llama/Llama-4-Scout-17B-16E-Instruct/snapshots/0123456789abcdef0123
basic authentication works; the bearer of this letter; a cookie: sweet and small; cookie = bake(dough)
"secretary": "Ann Smith", "tokenizer": "o200k_base", "keyboard": "qwerty-layout-with-numbers-123"
SELECT token_count, key_id FROM secrets WHERE created > '2026-01-01' -- no password=?
for key, value in pairs.items(): print(f"{key}={value}")
Die Kennwörter stehen nicht im Text; le mot de passe: non; パスワード: なし
const { apiKey, token } = props; if (token === undefined) throw new Error("token: missing");
data = base64.b64decode(payload["data"]); 100%25 sure, caf%C3%A9, a%20b%20c
"""

ADVERSARIAL = [
    *("sk-", "eyJaaaaaaaa.", "-----BEGIN PRIVATE KEY-----", "://a:@", 'password="', '"password": "a\\', "a%2D"),
    *("c2stA", "?key=a", 'name="password"\r\n\r\n', "token: ", "--password ", "authorization: Basic ", "aaa1Q~"),
    *("1JQQJ99", "cookie: a=", "data:image/png;base64,", "secret_key", r"\"password\": \"a\\", "SG.aaaaaaaaaaaaaaaa."),
]


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("name", SHAPES)
def test_known_shapes(name: str, surroundings: str) -> None:
    text, count = without_secrets(surroundings.format(SHAPES[name]))
    assert count >= 1
    assert LETTERS[2:10] not in text
    assert HEX[2:10] not in text
    assert "[redacted]" in text


@pytest.mark.parametrize("text", NAMED)
@pytest.mark.parametrize("value", ["hunter22hunter", "Tr0ub4dor-3x9Kf!", "aHVudGVyMjI6aHVudGVy"])
def test_values_under_secret_names(text: str, value: str) -> None:
    cleaned, count = without_secrets(text.replace("H", value) if text.count("H") == 1 else _put(text, value))
    assert value[:-1] not in cleaned
    assert value[:8] not in cleaned
    assert count == 1


def _put(text: str, value: str) -> str:
    """In place of the last H."""
    before, _, after = text.rpartition("H")
    if "HOME" in text:
        before, _, after = text.partition("'H'")
        return f"{before}'{value}'{after}"
    return f"{before}{value}{after}"


@pytest.mark.parametrize("line", ORDINARY.splitlines())
def test_ordinary_text_is_untouched(line: str) -> None:
    assert without_secrets(line) == (line, 0)


def test_names() -> None:
    secret = "password DB_PASSWORD dbPassword x-api-key client_secret accessToken Authorization set-cookie privateKey"
    public = "max_tokens tokens secretary key keyboard user authorization_url tokenizer password_hint"
    assert all(map(names_a_secret, secret.split()))
    assert not any(map(names_a_secret, public.split()))


@pytest.mark.parametrize("piece", ADVERSARIAL)
def test_the_time_grows_with_the_length(piece: str) -> None:
    def best_s(length: int) -> float:
        text = (piece * length)[:length]
        times: list[float] = []
        for _ in range(3):
            start = time.perf_counter()
            without_secrets(text)
            times.append(time.perf_counter() - start)
        return min(times)

    # Eight times the text: eight times the time, 64 times where a pattern goes back and forth.
    assert any(best_s(64_000) < 24 * best_s(8_000) for _ in range(3))
