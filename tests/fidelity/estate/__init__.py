"""An estate that other people made: imported, watched, adopted.

others/   what made it: boto3 scripts, CloudFormation templates, a shell script of aws commands;
          nothing in there knows of Plumbline
shell.py  runs the shell script's commands in this process
build.py  an account and region in which all of it was run
"""
