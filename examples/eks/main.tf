# SPDX-License-Identifier: Apache-2.0
#
# What Falco needs in AWS to read the audit log of an EKS cluster from CloudWatch Logs, or from S3 by a queue: a role with
# the least policy, for the service account of its pods.
#   terraform init
#   terraform apply -var cluster=prod -var identity=irsa
# The cluster has to send its audit log: enabled_cluster_log_types = ["audit"] in its aws_eks_cluster.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

variable "cluster" {
  description = "Name of the EKS cluster."
  type        = string
}

variable "identity" {
  description = "What gives the role to the pods: irsa or pod-identity."
  type        = string
  default     = "irsa"

  validation {
    condition     = contains(["irsa", "pod-identity"], var.identity)
    error_message = "It is irsa or pod-identity."
  }
}

variable "oidc_provider_exists" {
  description = "With irsa: whether the account has an OIDC provider for the cluster already."
  type        = bool
  default     = false
}

variable "namespace" {
  description = "Namespace of Falco."
  type        = string
  default     = "falco"
}

variable "service_account" {
  description = "Service account of Falco's pods."
  type        = string
  default     = "falco"
}

variable "bucket" {
  description = "With s3:// or sqs://: name of the bucket. Empty: the log is read from CloudWatch Logs."
  type        = string
  default     = ""
}

variable "prefix" {
  description = "What the keys of the objects begin with."
  type        = string
  default     = ""
}

variable "queue_arn" {
  description = "With sqs://: ARN of the queue that tells of the objects."
  type        = string
  default     = ""
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

data "aws_eks_cluster" "this" {
  name = var.cluster
}

locals {
  partition = data.aws_partition.this.partition
  account   = data.aws_caller_identity.this.account_id
  is_irsa   = var.identity == "irsa"
  issuer    = data.aws_eks_cluster.this.identity[0].oidc[0].issuer
  # As conditions and ARNs name it.
  issuer_host  = trimprefix(local.issuer, "https://")
  provider_arn = "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.issuer_host}"
  bucket_arn   = "arn:${local.partition}:s3:::${var.bucket}"
  # The ARN of the cluster has the region that its log group is in.
  region = split(":", data.aws_eks_cluster.this.arn)[3]
}

resource "aws_iam_openid_connect_provider" "cluster" {
  count = local.is_irsa && !var.oidc_provider_exists ? 1 : 0

  url            = local.issuer
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  dynamic "statement" {
    for_each = local.is_irsa ? [1] : []
    content {
      actions = ["sts:AssumeRoleWithWebIdentity"]
      principals {
        type        = "Federated"
        identifiers = [local.provider_arn]
      }
      condition {
        test     = "StringEquals"
        variable = "${local.issuer_host}:sub"
        values   = ["system:serviceaccount:${var.namespace}:${var.service_account}"]
      }
      condition {
        test     = "StringEquals"
        variable = "${local.issuer_host}:aud"
        values   = ["sts.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.is_irsa ? [] : [1]
    content {
      actions = ["sts:AssumeRole", "sts:TagSession"]
      principals {
        type        = "Service"
        identifiers = ["pods.eks.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
}

data "aws_iam_policy_document" "read" {
  dynamic "statement" {
    for_each = var.bucket == "" ? [1] : []
    content {
      actions   = ["logs:FilterLogEvents"]
      resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/eks/${var.cluster}/cluster:*"]
    }
  }

  dynamic "statement" {
    for_each = var.bucket == "" ? [] : [1]
    content {
      actions   = ["s3:GetObject"]
      resources = ["${local.bucket_arn}/${var.prefix}*"]
    }
  }

  # By a queue the bucket need not be listed.
  dynamic "statement" {
    for_each = var.bucket != "" && var.queue_arn == "" ? [1] : []
    content {
      actions   = ["s3:ListBucket"]
      resources = [local.bucket_arn]
      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = ["${var.prefix}*"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.queue_arn == "" ? [] : [1]
    content {
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
      resources = [var.queue_arn]
    }
  }
}

resource "aws_iam_role" "falco" {
  name               = "${var.cluster}-falco-audit"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "read" {
  name   = "read-audit-log"
  role   = aws_iam_role.falco.id
  policy = data.aws_iam_policy_document.read.json
}

# The nodes need the add-on eks-pod-identity-agent.
resource "aws_eks_pod_identity_association" "falco" {
  count = local.is_irsa ? 0 : 1

  cluster_name    = var.cluster
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.falco.arn
}

output "role_arn" {
  description = "With irsa: for the annotation eks.amazonaws.com/role-arn of the service account."
  value       = aws_iam_role.falco.arn
}
