#!/usr/bin/env bash
# The website and the jobs, as documented in the runbook. HERE is this folder.
set -euo pipefail

# network
VPC=$(aws ec2 create-vpc --cidr-block 10.50.0.0/16 --query Vpc.VpcId --output text)
NET_A=$(aws ec2 create-subnet --vpc-id $VPC --cidr-block 10.50.0.0/24 --availability-zone us-east-1a \
  --query Subnet.SubnetId --output text)
NET_B=$(aws ec2 create-subnet --vpc-id $VPC --cidr-block 10.50.1.0/24 --availability-zone us-east-1b \
  --query Subnet.SubnetId --output text)
GROUP=$(aws ec2 create-security-group --group-name jobs --description jobs --vpc-id $VPC \
  --query GroupId --output text)
ROLE=$(aws iam create-role --role-name jobs-execution --query Role.Arn --output text \
  --assume-role-policy-document '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}')

# logs and secrets
aws logs create-log-group --log-group-name /jobs/nightly --tags Owner=jobs,Env=prod
aws logs put-retention-policy --log-group-name /jobs/nightly --retention-in-days 3653
TOKEN=$(aws secretsmanager create-secret --name jobs/api-token --description "token of the jobs' API" \
  --secret-string '{"token":"jobs-token-from-the-cli-42"}' --tags Key=Owner,Value=jobs \
  --query ARN --output text)

# containers
aws ecs create-cluster --cluster-name jobs --settings name=containerInsights,value=disabled --tags key=Owner,value=jobs
aws ecs register-task-definition --family nightly --network-mode awsvpc --requires-compatibilities FARGATE \
  --cpu 256 --memory 512 --execution-role-arn $ROLE --container-definitions '[{
    "name": "nightly", "image": "example/nightly:7", "essential": true,
    "entryPoint": ["sh", "-c"], "command": ["while :; do ./nightly && sleep 86400; done"],
    "environment": [{"name": "TZ", "value": "UTC"}, {"name": "DRY_RUN", "value": "false"}],
    "secrets": [{"name": "TOKEN", "valueFrom": "'$TOKEN':token::"}],
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/jobs/nightly",
      "awslogs-region": "us-east-1", "awslogs-stream-prefix": "nightly"}}}]'
aws ecs create-service --cluster jobs --service-name nightly --task-definition nightly --desired-count 1 \
  --launch-type FARGATE --network-configuration "awsvpcConfiguration={subnets=[$NET_A,$NET_B],securityGroups=[$GROUP]}"

# data
aws rds create-db-subnet-group --db-subnet-group-name jobs --db-subnet-group-description jobs --subnet-ids $NET_A $NET_B
aws rds create-db-parameter-group --db-parameter-group-name jobs --db-parameter-group-family postgres15 --description jobs
aws rds modify-db-parameter-group --db-parameter-group-name jobs \
  --parameters ParameterName=work_mem,ParameterValue=65536,ApplyMethod=immediate
aws rds create-db-instance --db-instance-identifier jobs --engine postgres --engine-version 15 \
  --db-instance-class db.t4g.small --allocated-storage 25 --storage-type gp3 --no-multi-az --storage-encrypted \
  --master-username jobs --manage-master-user-password --db-subnet-group-name jobs \
  --db-parameter-group-name jobs --vpc-security-group-ids $GROUP --backup-retention-period 3 \
  --no-publicly-accessible --tags Key=Owner,Value=jobs Key=Env,Value=prod
aws elasticache create-cache-subnet-group --cache-subnet-group-name jobs \
  --cache-subnet-group-description jobs --subnet-ids $NET_A $NET_B
aws elasticache create-replication-group --replication-group-id jobs --replication-group-description "job locks" \
  --engine valkey --cache-node-type cache.t4g.micro --num-cache-clusters 1 --no-automatic-failover-enabled \
  --transit-encryption-enabled --cache-subnet-group-name jobs --security-group-ids $GROUP

# website, which CloudFront serves: its firewall is global
FRIENDS=$(aws wafv2 create-ip-set --name friends --scope CLOUDFRONT --ip-address-version IPV4 \
  --addresses 192.0.2.44/32 192.0.2.0/28 --query Summary.ARN --output text)
sed "s|IP_SET_ARN|$FRIENDS|" "$HERE/waf-rules.json" > "$TMPDIR/waf-rules.json"
aws wafv2 create-web-acl --name website --scope CLOUDFRONT --default-action Allow={} \
  --description "example.com" --visibility-config SampledRequestsEnabled=true,CloudWatchMetricsEnabled=true,MetricName=website \
  --rules "file://$TMPDIR/waf-rules.json" --tags Key=Owner,Value=web

# alarms
aws cloudwatch put-metric-alarm --alarm-name jobs-cpu --namespace AWS/ECS --metric-name CPUUtilization \
  --dimensions Name=ClusterName,Value=jobs Name=ServiceName,Value=nightly --statistic Average --period 60 \
  --evaluation-periods 5 --threshold 95 --comparison-operator GreaterThanThreshold --tags Key=Owner,Value=jobs

# n8n and Twenty
aws cloudformation deploy --stack-name automation --template-file "$HERE/n8n.yaml" \
  --capabilities CAPABILITY_IAM --parameter-overrides WorkerCount=3 --tags team=automation stage=production
aws cloudformation create-stack --stack-name Twenty --template-body "file://$HERE/twenty.json" \
  --capabilities CAPABILITY_NAMED_IAM --tags Key=team,Value=sales --parameters ParameterKey=Vpc,ParameterValue=$VPC \
  "ParameterKey=Subnets,ParameterValue=$NET_A\\,$NET_B" ParameterKey=DatabasePassword,ParameterValue=Tw3nty-Database-Passw0rd
aws cloudformation wait stack-create-complete --stack-name Twenty
