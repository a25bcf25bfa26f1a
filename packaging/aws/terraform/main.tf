# An EC2 instance that runs cwmem: a role with the least rights, an instance profile, a launch template
# with IMDSv2 only and instance tags in the metadata, and the instance. Right in every partition.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

data "aws_partition" "current" {}

data "aws_ssm_parameter" "image" {
  name = var.image_parameter
}

resource "aws_iam_role" "cwmem" {
  name_prefix = "cwmem-"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.${data.aws_partition.current.dns_suffix}" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# What `cwmem policy` prints for the configuration; another namespace, another condition.
resource "aws_iam_role_policy" "cwmem" {
  name   = "cwmem"
  role   = aws_iam_role.cwmem.id
  policy = file("${path.module}/../policy.json")
}

# For the installation only.
resource "aws_iam_role_policy" "package" {
  name = "cwmem-package"
  role = aws_iam_role.cwmem.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "arn:${data.aws_partition.current.partition}:s3:::${var.package_bucket}/${var.package_folder}/*"
    }]
  })
}

resource "aws_iam_instance_profile" "cwmem" {
  name_prefix = "cwmem-"
  role        = aws_iam_role.cwmem.name
}

resource "aws_launch_template" "cwmem" {
  name_prefix   = "cwmem-"
  image_id      = data.aws_ssm_parameter.image.value
  instance_type = var.instance_type

  iam_instance_profile {
    arn = aws_iam_instance_profile.cwmem.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = var.metadata_hop_limit
    # For dimensions such as "tag:Stage".
    instance_metadata_tags = "enabled"
  }

  # Three values, then user-data.sh as it is.
  user_data = base64encode(join("\n", [
    "#!/bin/sh",
    "CWMEM_FROM='s3://${var.package_bucket}/${var.package_folder}'",
    "CWMEM_SHA256SUMS='${var.package_sha256sums}'",
    "CWMEM_CONFIG='${replace(var.config, "'", "'\\''")}'",
    file("${path.module}/../user-data.sh"),
  ]))
}

resource "aws_instance" "cwmem" {
  subnet_id = var.subnet_id

  launch_template {
    id      = aws_launch_template.cwmem.id
    version = aws_launch_template.cwmem.latest_version
  }

  tags = var.tags
}
