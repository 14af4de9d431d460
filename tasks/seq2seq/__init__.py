"""Text to text with an encoder, a decoder and attention: translation and summarization.

Read `task`, `pairs` (both sides as ids), `search` (outputs of sources), then the objectives:
`scheduled_sampling` and `reward_training`.
"""
