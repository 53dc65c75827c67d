# The values of deploy/helm/belfry for this environment. The release itself is made
# by bin/deploy-belfry.sh from inside the network: Terraform then needs no way to the
# cluster's API, and a release no state.
variable "brokers" {
  description = "Where Kafka is, HOST:PORT,…"
  type        = string
}

variable "schedulers" {
  description = "Schedulers: two or three, over the zones."
  type        = number
  default     = 3
  validation {
    condition     = var.schedulers >= 1 && var.schedulers <= var.shards
    error_message = "schedulers must be from 1 to the number of shards: others would own nothing."
  }
}

variable "shards" {
  description = "Shards; they never change once the topics are made."
  type        = number
  default     = 8
}

variable "pools" {
  description = "Pools of workers, as the chart has them."
  type = map(object({
    cluster   = string
    queue     = string
    replicas  = number
    slots     = number
    isolation = optional(string, "restricted")
  }))
  validation {
    condition     = length(var.pools) > 0 && alltrue([for p in values(var.pools) : contains(["runs", "retries", "both"], p.queue)])
    error_message = "pools must be at least one, each with queue runs, retries or both."
  }
}

variable "sasl_secret" {
  description = "Kubernetes Secret with the key password."
  type        = string
  default     = "belfry-kafka"
}

output "values" {
  description = "Write it to a file for bin/deploy-belfry.sh -f."
  value = yamlencode({
    kafka = {
      brokers = var.brokers
      count   = 3
      tls     = { enabled = true }
      sasl    = { mechanism = "SCRAM-SHA-512", user = "belfry", existingSecret = var.sasl_secret }
    }
    topics        = { shards = var.shards, partitions = max(12, [for p in values(var.pools) : p.replicas]...) }
    scheduler     = { replicas = var.schedulers }
    pools         = var.pools
    networkPolicy = { kafkaPorts = [9096] }
    test          = { pool = sort(keys(var.pools))[0] }
  })
}
