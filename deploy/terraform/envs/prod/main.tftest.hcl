# With a provider that is made up: the wiring holds, no AWS is asked.
mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["z-a", "z-b", "z-c", "z-d"] }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/made-up" }
  }
  mock_resource "aws_msk_cluster" {
    defaults = { arn = "arn:aws:kafka:eu-central-1:123456789012:cluster/made-up/1", bootstrap_brokers_sasl_scram = "b-1:9096,b-2:9096,b-3:9096" }
  }
  mock_resource "aws_msk_configuration" {
    defaults = { arn = "arn:aws:kafka:eu-central-1:123456789012:configuration/made-up/1", latest_revision = 1 }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/made-up" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:made-up" }
  }
}

run "values_fit_the_chart" {
  assert {
    condition     = yamldecode(output.values).kafka.brokers == "b-1:9096,b-2:9096,b-3:9096"
    error_message = "the chart's brokers are those of MSK"
  }
  assert {
    condition     = yamldecode(output.values).scheduler.replicas == 3
    error_message = "as many schedulers as the environment says"
  }
}

run "alarms_are_there" {
  assert {
    condition     = length(output.alarms) == 8
    error_message = "controller, offline partitions, and disk and CPU of three brokers"
  }
}
