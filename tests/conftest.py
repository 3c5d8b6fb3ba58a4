"""What all tests share: the simulated AWS (`world`, `aws_session`, `--sandbox-seed`)."""

pytest_plugins = ["sandbox.pytest_plugin"]
