"""Every operation that a provider bills for is recognised; what is left out is left out knowingly.

Operations as the API references and client libraries of November 2026 have them.
"""

import pytest

from llmobserve.providers.registry import Registry

RECOGNISED = """
api.openai.com POST /v1/chat/completions chat.completions
api.openai.com POST /v1/completions completions
api.openai.com POST /v1/responses responses
api.openai.com POST /v1/responses/compact responses
api.openai.com GET /v1/responses/resp_1 responses
api.openai.com POST /v1/embeddings embeddings
api.openai.com POST /v1/images/generations images
api.openai.com POST /v1/images/edits images
api.openai.com POST /v1/images/variations images
api.openai.com POST /v1/audio/speech audio.speech
api.openai.com POST /v1/audio/transcriptions audio.transcriptions
api.openai.com POST /v1/audio/translations audio.translations
api.openai.com POST /v1/decisions decisions
api.openai.com POST /v1/moderations moderations
api.openai.com GET /v1/batches/batch_1 batches
api.openai.com POST /v1/videos videos
api.openai.com GET /v1/videos/video_1 videos
api.openai.com GET /v1/fine_tuning/jobs/ftjob-1 fine_tuning
api.openai.com POST /v1/containers containers
eu.api.openai.com POST /v1/responses responses
r.openai.azure.com POST /openai/deployments/d/chat/completions chat.completions
r.cognitiveservices.azure.com POST /openai/deployments/d/audio/transcriptions audio.transcriptions
r.services.ai.azure.com POST /openai/v1/responses responses
r.services.ai.azure.com POST /models/embeddings embeddings
r.services.ai.azure.com POST /anthropic/v1/messages messages
api.groq.com POST /openai/v1/chat/completions chat.completions
api.groq.com POST /openai/v1/audio/speech audio.speech
api.together.ai POST /v1/chat/completions chat.completions
api.together.xyz POST /v1/images/generations images
api.anthropic.com POST /v1/messages messages
api.anthropic.com GET /v1/messages/batches/b/results messages.batches
api.anthropic.com GET /v1/sessions/s sessions
api.anthropic.com GET /v1/sessions/s/events sessions
api.anthropic.com GET /v1/sessions/s/events/stream sessions
generativelanguage.googleapis.com POST /v1beta/models/g:generateContent models.generateContent
generativelanguage.googleapis.com POST /v1beta/models/g:streamGenerateContent models.generateContent
generativelanguage.googleapis.com POST /v1beta/models/g:embedContent models.embedContent
generativelanguage.googleapis.com POST /v1beta/models/g:batchEmbedContents models.embedContent
generativelanguage.googleapis.com POST /v1beta/models/g:predict models.predict
generativelanguage.googleapis.com POST /v1beta/models/g:predictLongRunning models.predictLongRunning
generativelanguage.googleapis.com GET /v1beta/models/veo/operations/o models.predictLongRunning
generativelanguage.googleapis.com POST /v1beta/models/g:batchGenerateContent batches
generativelanguage.googleapis.com GET /v1beta/batches/b batches
generativelanguage.googleapis.com POST /v1beta/cachedContents cachedContents
generativelanguage.googleapis.com POST /v1beta/interactions interactions
generativelanguage.googleapis.com GET /v1beta/interactions/i interactions
l-aiplatform.googleapis.com POST /v1/publishers/google/models/g:generateContent models.generateContent
aiplatform.googleapis.com POST /v1/projects/p/locations/global/publishers/anthropic/models/c@1:rawPredict rawPredict
aiplatform.us.rep.googleapis.com POST /v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict rawPredict
l-aiplatform.googleapis.com POST /v1/projects/p/locations/l/publishers/mistralai/models/m:rawPredict rawPredict
l-aiplatform.googleapis.com POST /v1/projects/p/locations/l/publishers/google/models/g:predict models.predict
l-aiplatform.googleapis.com POST /v1/projects/p/locations/l/endpoints/openapi/chat/completions chat.completions
bedrock-runtime.us-east-1.amazonaws.com POST /model/m/converse converse
bedrock-runtime-fips.us-east-1.amazonaws.com POST /model/m/converse-stream converse
bedrock-runtime.us-east-1.amazonaws.com POST /model/arn%3Aaws%3Abedrock%3A%3A%3Aa%2Fb/invoke invoke
bedrock-runtime.us-east-1.amazonaws.com POST /model/m/invoke-with-response-stream invoke
bedrock-runtime.us-east-1.amazonaws.com POST /async-invoke async_invoke
bedrock-runtime.us-east-1.amazonaws.com POST /guardrail/g/version/1/apply guardrail
bedrock-mantle.us-east-1.api.aws POST /openai/v1/responses responses
api.cohere.com POST /v2/chat chat
api.cohere.ai POST /v1/embed embed
api.cohere.com POST /v2/rerank rerank
api.cohere.com POST /v2/parse parse
api.cohere.com POST /v1/classify classify
api.cohere.com POST /v1/summarize summarize
api.cohere.com POST /v1/generate generate
api.mistral.ai POST /v1/fim/completions fim.completions
api.mistral.ai POST /v1/agents/completions agents.completions
api.mistral.ai POST /v1/conversations conversations
api.mistral.ai POST /v1/embeddings embeddings
api.mistral.ai POST /v1/ocr ocr
api.mistral.ai POST /v1/audio/transcriptions audio.transcriptions
api.mistral.ai POST /v1/moderations moderations
api.voyageai.com POST /v1/embeddings embeddings
api.voyageai.com POST /v1/contextualizedembeddings contextualizedembeddings
api.voyageai.com POST /v1/multimodalembeddings multimodalembeddings
api.voyageai.com POST /v1/rerank rerank
api.perplexity.ai POST /chat/completions chat.completions
api.perplexity.ai GET /async/chat/completions/x chat.completions
api.perplexity.ai POST /v1/responses responses
api.perplexity.ai POST /v1/embeddings embeddings
api.perplexity.ai POST /v1/contextualizedembeddings contextualizedembeddings
api.perplexity.ai GET /v1/batches/b batches
api.perplexity.ai POST /search search
api.ai21.com POST /studio/v1/chat/completions chat.completions
router.huggingface.co POST /together/v1/chat/completions chat.completions
router.huggingface.co POST /hf-inference/models/a/b task
api-inference.huggingface.co POST /models/a/b task
api.replicate.com POST /v1/predictions predictions
api.replicate.com POST /v1/models/o/n/predictions predictions
api.replicate.com POST /v1/deployments/o/n/predictions predictions
api.replicate.com GET /v1/predictions/p predictions
api.x.ai POST /v1/chat/completions chat.completions
api.x.ai GET /v1/chat/deferred-completion/x chat.completions
api.x.ai POST /v1/images/generations images
api.x.ai GET /v1/videos/v videos
openrouter.ai POST /api/v1/chat/completions chat.completions
api.deepseek.com POST /anthropic/v1/messages messages
api.elevenlabs.io POST /v1/text-to-speech/v/stream/with-timestamps text_to_speech
api.eu.residency.elevenlabs.io POST /v1/text-to-dialogue text_to_speech
api.us.elevenlabs.io POST /v1/sound-generation sound_generation
api.elevenlabs.io POST /v1/music music
api.elevenlabs.io POST /v1/voice-changer/v voice_tools
api.elevenlabs.io POST /v1/speech-to-text speech_to_text
api.deepgram.com POST /v1/listen listen
api.deepgram.com POST /v2/speak speak
api.deepgram.com POST /v1/read read
api.eu.assemblyai.com GET /v2/transcript/t transcript
sync.assemblyai.com POST /v1/transcribe transcribe
llm-gateway.assemblyai.com POST /v1/chat/completions chat.completions
api.play.ht POST /api/v2/tts/stream tts
eastus.tts.speech.microsoft.com POST /cognitiveservices/v1 text_to_speech
eastus.stt.speech.microsoft.com POST /speech/recognition/conversation/cognitiveservices/v1 speech_to_text
eastus.api.cognitive.microsoft.com POST /speechtotext/transcriptions:transcribe speech_to_text.fast
polly.us-east-1.amazonaws.com POST /v1/speech SynthesizeSpeech
polly.us-east-1.amazonaws.com POST /v1/synthesisTasks StartSpeechSynthesisTask
transcribe.us-east-1.amazonaws.com POST / Transcribe
rekognition.us-east-1.amazonaws.com POST / Rekognition
api.stability.ai POST /v2beta/stable-image/generate/sd3 stable_image
api.stability.ai POST /v2beta/3d/stable-fast-3d 3d
api.stability.ai POST /v1/generation/e/text-to-image generation
api.dev.runwayml.com POST /v1/image_to_video task
api.dev.runwayml.com POST /v1/voice_dubbing task
api.dev.runwayml.com GET /v1/tasks/t task
i-p.svc.e.pinecone.io POST /query query
i-p.svc.e.pinecone.io GET /vectors/fetch fetch
i-p.svc.e.pinecone.io POST /vectors/fetch_by_metadata fetch
i-p.svc.e.pinecone.io GET /vectors/list fetch
i-p.svc.e.pinecone.io POST /vectors/upsert upsert
i-p.svc.e.pinecone.io POST /records/namespaces/n/search search
i-p.svc.e.pinecone.io POST /namespaces/n/documents/upsert upsert
api.pinecone.io POST /embed embed
api.pinecone.io POST /rerank rerank
prod-1-data.ke.pinecone.io POST /assistant/chat/a/chat/completions assistant.chat
c.weaviate.cloud POST /v1/graphql graphql
c.weaviate.network POST /v1/batch/objects batch
x.cloud.qdrant.io POST /collections/c/points/query/groups search
x.cloud.qdrant.io PUT /collections/c/points write
x.cloud.qdrant.io POST /collections/c/facet search
c.serverless.zillizcloud.com POST /v2/vectordb/entities/search entities
api.trychroma.com POST /api/v2/tenants/t/databases/d/collections/c/query collection
x.es.us-east-1.aws.elastic.cloud POST /i/_search search
x.es.us-east-1.aws.elastic.cloud POST /_bulk write
api.stripe.com POST /v1/payment_intents/p/confirm payment_intents
api.stripe.com POST /v1/refunds refunds
api-m.paypal.com POST /v2/checkout/orders/o/capture capture
api-m.sandbox.paypal.com POST /v2/payments/captures/c/refund refund
api.twilio.com POST /2010-04-01/Accounts/A/Messages.json messages
api.twilio.com POST /2010-04-01/Accounts/A/Calls.json calls
verify.twilio.com POST /v2/Services/S/VerificationCheck verification_check
lookups.twilio.com GET /v2/PhoneNumbers/1 lookups
api.sendgrid.com POST /v3/mail/send mail.send
a-dsn.algolia.net POST /1/indexes/*/queries search
a-1.algolianet.com POST /1/indexes/i/browse search
a.algolia.net POST /1/indexes/i/facets/f/query search
a.algolia.net POST /1/indexes/*/batch index
"""

LEFT_OUT = """
api.openai.com POST /v1/files                             stored by the day, not by the request
api.openai.com POST /v1/vector_stores                     stored by the day, not by the request
api.openai.com GET /v1/files/f/content                    the batch itself states the usage of all lines
api.openai.com GET /v1/chat/completions/c                 was charged when it was made
api.openai.com POST /v1/responses/input_tokens            counting is free
api.openai.com POST /v1/realtime/client_secrets           a key for a session, which is charged
api.openai.com POST /v1/live/sessions                     the WebSocket that it opens is charged
api.openai.com POST /v1/threads                           its runs are charged
api.anthropic.com POST /v1/messages/count_tokens          counting is free
api.anthropic.com POST /v1/messages/batches               its results are charged
api.anthropic.com GET /v1/sessions/s/threads/t            a part of its session
generativelanguage.googleapis.com POST /v1beta/models/g:countTokens    counting is free
bedrock-runtime.us-east-1.amazonaws.com POST /model/m/count-tokens     counting is free
bedrock-runtime.us-east-1.amazonaws.com POST /model/m/invoke-with-bidirectional-stream    sent by native code
polly.us-east-1.amazonaws.com POST /v1/synthesisStream    sent by native code
polly.us-east-1.amazonaws.com GET /v1/synthesisTasks/t    was charged when it was ordered
i-p.svc.e.pinecone.io POST /describe_index_stats          states no units
i-p.svc.e.pinecone.io POST /bulk/imports                  charged by stored size, which no answer states
api.mistral.ai POST /v1/batch/jobs                        a job states no usage
api.replicate.com GET /v1/models/o/n                      looks at a model
verify.twilio.com POST /v2/Services/S/Verifications       charged when it succeeds
c.weaviate.cloud GET /v1/schema                           looks at the schema
"""


def _rows(table: str) -> list[list[str]]:
    return [line.split(None, 3) for line in table.strip().splitlines()]


@pytest.mark.parametrize(("host", "method", "path", "operation"), _rows(RECOGNISED))
def test_billed_operations_are_recognised(host: str, method: str, path: str, operation: str) -> None:
    provider = Registry().provider_for(host)
    assert provider is not None
    found = Registry.endpoint_for(provider, method, path)
    assert found is not None
    assert found[0].operation == operation


@pytest.mark.parametrize(("host", "method", "path", "reason"), _rows(LEFT_OUT))
def test_what_is_not_charged_by_itself_is_left_out(host: str, method: str, path: str, reason: str) -> None:
    provider = Registry().provider_for(host)
    assert provider is not None
    assert Registry.endpoint_for(provider, method, path) is None, reason
