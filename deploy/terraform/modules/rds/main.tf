# PostgreSQL for what jobs write; Belfry itself needs none.
variable "name" {
  description = "Name of the database server."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnets" {
  description = "Private subnets in at least two zones."
  type        = list(string)
  validation {
    condition     = length(var.subnets) >= 2
    error_message = "subnets must be in at least two zones."
  }
}

variable "client_cidr" {
  description = "Addresses that may connect."
  type        = string
}

variable "instance_class" {
  description = "Class of the server."
  type        = string
  default     = "db.t4g.small"
  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "instance_class must be one of RDS, such as db.t4g.small."
  }
}

variable "storage_gib" {
  description = "Disk, GiB; it grows to four times as much by itself."
  type        = number
  default     = 20
  validation {
    condition     = var.storage_gib >= 20
    error_message = "storage_gib must be 20 or more."
  }
}

variable "protected" {
  description = "A standby in another zone, backups for two weeks, no deletion."
  type        = bool
  default     = true
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnets
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-rds-"
  description = "Clients reach PostgreSQL"
  vpc_id      = var.vpc_id
  lifecycle { create_before_destroy = true }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id = aws_security_group.this.id
  cidr_ipv4         = var.client_cidr
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}

resource "aws_db_instance" "this" {
  identifier                  = var.name
  engine                      = "postgres"
  engine_version              = "17"
  instance_class              = var.instance_class
  allocated_storage           = var.storage_gib
  max_allocated_storage       = 4 * var.storage_gib
  storage_encrypted           = true
  db_name                     = "pipeline"
  username                    = "pipeline"
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.this.name
  vpc_security_group_ids      = [aws_security_group.this.id]
  multi_az                    = var.protected
  deletion_protection         = var.protected
  backup_retention_period     = var.protected ? 14 : 1
  skip_final_snapshot         = !var.protected
  final_snapshot_identifier   = var.protected ? "${var.name}-final" : null
}

output "address" {
  description = "HOST:PORT of the server."
  value       = aws_db_instance.this.endpoint
}

output "secret" {
  description = "ARN of the secret with user and password."
  value       = one(aws_db_instance.this.master_user_secret[*].secret_arn)
}
