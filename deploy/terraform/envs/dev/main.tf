# The environment dev: terraform init && terraform plan.
terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-central-1"
}

variable "page_topic" {
  description = "ARN of the SNS topic that alarms go to; empty for none."
  type        = string
  default     = ""
}

locals {
  name = "belfry-dev"
}

provider "aws" {
  region = var.region
  default_tags { tags = { project = "belfry", environment = "dev" } }
}

data "aws_availability_zones" "here" {
  state = "available"
}

module "network" {
  source       = "../../modules/network"
  name         = local.name
  zones        = slice(data.aws_availability_zones.here.names, 0, 3)
  nat_per_zone = false
}

module "observability" {
  source         = "../../modules/observability"
  name           = local.name
  kafka_cluster  = local.name
  page_topic     = var.page_topic
  retention_days = 7
}

module "msk" {
  source        = "../../modules/msk"
  name          = local.name
  vpc_id        = module.network.vpc_id
  subnets       = module.network.private_subnets
  client_cidr   = module.network.cidr
  instance_type = "kafka.t3.small"
  log_group     = module.observability.log_groups["kafka"]
}

module "eks" {
  source  = "../../modules/eks"
  name    = local.name
  subnets = module.network.private_subnets
}

module "rds" {
  source      = "../../modules/rds"
  name        = local.name
  vpc_id      = module.network.vpc_id
  subnets     = module.network.private_subnets
  client_cidr = module.network.cidr
  protected   = false
}

module "app" {
  source     = "../../modules/app"
  brokers    = module.msk.brokers
  schedulers = 2
  pools = {
    a       = { cluster = "cluster-a", queue = "runs", replicas = 2, slots = 16 }
    retry-a = { cluster = "cluster-a", queue = "retries", replicas = 1, slots = 8 }
    b       = { cluster = "cluster-b", queue = "runs", replicas = 2, slots = 16 }
    retry-b = { cluster = "cluster-b", queue = "retries", replicas = 1, slots = 8 }
  }
}

output "values" {
  description = "Values of the chart belfry."
  value       = module.app.values
}

output "kafka_secret" {
  description = "Secret that the password of Kafka is to be written to."
  value       = module.msk.secret
}

output "cluster" {
  description = "Name of the Kubernetes cluster."
  value       = module.eks.name
}

output "alarms" {
  description = "Names of all alarms."
  value       = module.observability.alarms
}
