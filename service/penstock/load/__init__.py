"""`penstock bench`: ghz's options, messages and reports around the extension's load generator.

`options` and `config_file` say what is asked for, `methods` and `messages` make what is sent, `run` has it sent,
`report` and the modules beside it write what came of it as ghz does. Nothing here happens once a call.
"""
