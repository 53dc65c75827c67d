# Three brokers, one in each zone: three copies, two of which must have a record
# before it counts. Clients use TLS and SASL/SCRAM.
variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnets" {
  description = "One subnet for each zone."
  type        = list(string)
  validation {
    condition     = length(var.subnets) == 3
    error_message = "subnets must be three, one in each zone."
  }
}

variable "client_cidr" {
  description = "Addresses that may connect."
  type        = string
}

variable "kafka_version" {
  description = "Version of Kafka, as MSK spells it: 3.9.x or later; transactions need no setting."
  type        = string
  default     = "3.9.x"
  validation {
    condition     = can(regex("^(3\\.9|[4-9]\\.[0-9]+)\\.(x|[0-9]+)(\\.kraft)?$", var.kafka_version))
    error_message = "kafka_version must be 3.9 or later as MSK spells it, such as 3.9.x or 4.0.x.kraft."
  }
}

variable "instance_type" {
  description = "Type of the brokers."
  type        = string
  default     = "kafka.m7g.large"
  validation {
    condition     = startswith(var.instance_type, "kafka.")
    error_message = "instance_type must be one of MSK's, such as kafka.m7g.large."
  }
}

variable "storage_gib" {
  description = "Disk of each broker, GiB."
  type        = number
  default     = 100
  validation {
    condition     = var.storage_gib >= 10 && var.storage_gib <= 16384
    error_message = "storage_gib must be from 10 to 16384."
  }
}

variable "log_group" {
  description = "CloudWatch log group for the brokers' logs."
  type        = string
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-msk-"
  description = "Clients and Prometheus reach the brokers"
  vpc_id      = var.vpc_id
  lifecycle { create_before_destroy = true }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each          = { scram = 9096, jmx = 11001, node = 11002 }
  security_group_id = aws_security_group.this.id
  description       = each.key
  cidr_ipv4         = var.client_cidr
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_vpc_security_group_ingress_rule" "peers" {
  security_group_id            = aws_security_group.this.id
  description                  = "brokers among themselves"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "peers" {
  security_group_id            = aws_security_group.this.id
  description                  = "brokers among themselves"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "-1"
}

resource "aws_kms_key" "this" {
  description         = "${var.name}: data and passwords of Kafka"
  enable_key_rotation = true
}

resource "aws_msk_configuration" "this" {
  name = var.name
  server_properties = join("\n", [
    "auto.create.topics.enable=false",
    "default.replication.factor=3",
    "min.insync.replicas=2",
    "unclean.leader.election.enable=false",
    "offsets.topic.replication.factor=3",
    "transaction.state.log.replication.factor=3",
    "transaction.state.log.min.isr=2",
  ])
}

resource "aws_msk_cluster" "this" {
  cluster_name           = var.name
  kafka_version          = var.kafka_version
  number_of_broker_nodes = 3

  broker_node_group_info {
    instance_type   = var.instance_type
    client_subnets  = var.subnets
    security_groups = [aws_security_group.this.id]
    storage_info {
      ebs_storage_info { volume_size = var.storage_gib }
    }
  }
  client_authentication {
    sasl { scram = true }
    unauthenticated = false
  }
  configuration_info {
    arn      = aws_msk_configuration.this.arn
    revision = aws_msk_configuration.this.latest_revision
  }
  encryption_info {
    encryption_at_rest_kms_key_arn = aws_kms_key.this.arn
    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }
  open_monitoring {
    prometheus {
      jmx_exporter { enabled_in_broker = true }
      node_exporter { enabled_in_broker = true }
    }
  }
  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = var.log_group
      }
    }
  }
}

# The password is written to the secret by whoever operates, and is never in a state.
resource "aws_secretsmanager_secret" "belfry" {
  name       = "AmazonMSK_${var.name}" # MSK demands the prefix
  kms_key_id = aws_kms_key.this.arn
}

resource "aws_msk_scram_secret_association" "this" {
  cluster_arn     = aws_msk_cluster.this.arn
  secret_arn_list = [aws_secretsmanager_secret.belfry.arn]
}

output "brokers" {
  description = "Where clients connect with TLS and SCRAM: HOST:PORT,…"
  value       = aws_msk_cluster.this.bootstrap_brokers_sasl_scram
}

output "cluster_name" {
  description = "Name of the cluster, as CloudWatch has it."
  value       = aws_msk_cluster.this.cluster_name
}

output "secret" {
  description = "ARN of the secret that username and password are to be written to."
  value       = aws_secretsmanager_secret.belfry.arn
}
