# Kubernetes with one group of nodes for each zone, so that a zone's volumes find
# nodes there.
variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "subnets" {
  description = "One private subnet for each zone."
  type        = list(string)
  validation {
    condition     = length(var.subnets) == 3
    error_message = "subnets must be three, one in each zone."
  }
}

variable "kubernetes_version" {
  description = "Version of Kubernetes: the chart belfry needs 1.27."
  type        = string
  default     = "1.35"
  validation {
    condition     = can(regex("^1\\.(2[7-9]|[3-9][0-9])$", var.kubernetes_version))
    error_message = "kubernetes_version must be 1.27 or later, such as 1.35."
  }
}

variable "instance_types" {
  description = "Types of the nodes."
  type        = list(string)
  default     = ["m7g.large"]
}

variable "nodes_per_zone" {
  description = "Nodes in each zone: at least, at first, and at most."
  type        = object({ min = number, start = number, max = number })
  default     = { min = 1, start = 1, max = 4 }
  validation {
    condition     = var.nodes_per_zone.min >= 1 && var.nodes_per_zone.start >= var.nodes_per_zone.min && var.nodes_per_zone.max >= var.nodes_per_zone.start
    error_message = "nodes_per_zone must have 1 <= min <= start <= max: a zone without nodes is no zone."
  }
}

variable "public_access_cidrs" {
  description = "Who may reach the API from outside; empty for nobody."
  type        = list(string)
  default     = []
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["eks", "ec2"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "cluster" {
  name_prefix        = "${var.name}-eks-"
  assume_role_policy = data.aws_iam_policy_document.assume["eks"].json
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_iam_role" "node" {
  name_prefix        = "${var.name}-node-"
  assume_role_policy = data.aws_iam_policy_document.assume["ec2"].json
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each   = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly", "service-role/AmazonEBSCSIDriverPolicy"])
  role       = aws_iam_role.node.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}

resource "aws_eks_cluster" "this" {
  name                      = var.name
  version                   = var.kubernetes_version
  role_arn                  = aws_iam_role.cluster.arn
  enabled_cluster_log_types = ["api", "audit", "scheduler"]
  access_config { authentication_mode = "API" }
  vpc_config {
    subnet_ids              = var.subnets
    endpoint_private_access = true
    endpoint_public_access  = length(var.public_access_cidrs) > 0
    public_access_cidrs     = length(var.public_access_cidrs) > 0 ? var.public_access_cidrs : null
  }
  depends_on = [aws_iam_role_policy_attachment.cluster]
}

resource "aws_eks_node_group" "this" {
  count           = length(var.subnets)
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "${var.name}-zone-${count.index}"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = [var.subnets[count.index]]
  instance_types  = var.instance_types
  ami_type        = "AL2023_ARM_64_STANDARD"
  scaling_config {
    min_size     = var.nodes_per_zone.min
    desired_size = var.nodes_per_zone.start
    max_size     = var.nodes_per_zone.max
  }
  update_config { max_unavailable = 1 }
  lifecycle {
    ignore_changes = [scaling_config[0].desired_size] # an autoscaler's to decide
  }
  depends_on = [aws_iam_role_policy_attachment.node]
}

resource "aws_eks_addon" "this" {
  for_each     = toset(["vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver"])
  cluster_name = aws_eks_cluster.this.name
  addon_name   = each.key
  # Without it the network policies of the charts are not enforced.
  configuration_values = each.key == "vpc-cni" ? jsonencode({ enableNetworkPolicy = "true" }) : null
  depends_on           = [aws_eks_node_group.this]
}

output "name" {
  description = "Name of the cluster: aws eks update-kubeconfig --name NAME."
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "Where the API answers."
  value       = aws_eks_cluster.this.endpoint
}
