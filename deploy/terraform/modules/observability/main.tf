# What is watched from outside the cluster: the brokers. What Belfry itself says,
# Prometheus and its rules judge (deploy/prometheus).
variable "name" {
  description = "What the names of all resources begin with."
  type        = string
}

variable "kafka_cluster" {
  description = "Name of the MSK cluster."
  type        = string
}

variable "page_topic" {
  description = "ARN of the SNS topic that alarms go to; empty for none."
  type        = string
  default     = ""
}

variable "retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 180, 365], var.retention_days)
    error_message = "retention_days must be one that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 180 or 365."
  }
}

locals {
  actions = var.page_topic == "" ? [] : [var.page_topic]
  # Of the cluster as a whole.
  cluster = {
    controller = { metric = "ActiveControllerCount", statistic = "Sum", compare = "LessThanThreshold", limit = 1, says = "no controller: no leader can be elected" }
    offline    = { metric = "OfflinePartitionsCount", statistic = "Maximum", compare = "GreaterThanThreshold", limit = 0, says = "partitions without a leader: jobs on them stand still" }
  }
  # Of each broker.
  broker = {
    disk = { metric = "KafkaDataLogsDiskUsed", limit = 80, says = "a broker's disk is filling" }
    cpu  = { metric = "CpuUser", limit = 70, says = "a broker has no reserve for the death of another" }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = toset(["kafka", "belfry"])
  name              = "/${var.name}/${each.key}"
  retention_in_days = var.retention_days
}

resource "aws_cloudwatch_metric_alarm" "cluster" {
  for_each            = local.cluster
  alarm_name          = "${var.name}-kafka-${each.key}"
  alarm_description   = each.value.says
  namespace           = "AWS/Kafka"
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  comparison_operator = each.value.compare
  threshold           = each.value.limit
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  dimensions          = { "Cluster Name" = var.kafka_cluster }
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

resource "aws_cloudwatch_metric_alarm" "broker" {
  for_each            = { for pair in setproduct(keys(local.broker), ["1", "2", "3"]) : "${pair[0]}-${pair[1]}" => pair }
  alarm_name          = "${var.name}-kafka-${each.key}"
  alarm_description   = local.broker[each.value[0]].says
  namespace           = "AWS/Kafka"
  metric_name         = local.broker[each.value[0]].metric
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = local.broker[each.value[0]].limit
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  dimensions          = { "Cluster Name" = var.kafka_cluster, "Broker ID" = each.value[1] }
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

output "log_groups" {
  description = "Log groups by what writes there."
  value       = { for key, group in aws_cloudwatch_log_group.this : key => group.name }
}

output "alarms" {
  description = "Names of all alarms."
  value       = sort(concat(values(aws_cloudwatch_metric_alarm.cluster)[*].alarm_name, values(aws_cloudwatch_metric_alarm.broker)[*].alarm_name))
}
