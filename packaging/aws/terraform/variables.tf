variable "subnet_id" {
  description = "A subnet with a way to CloudWatch, to S3 and to the instance's metadata"
  type        = string
}

variable "package_bucket" {
  description = "The bucket that the packages were uploaded to, in the instance's region"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]+[a-z0-9]$", var.package_bucket))
    error_message = "Expected the name of a bucket."
  }
}

variable "package_folder" {
  description = "The folder of the packages in the bucket"
  type        = string
  default     = "cwmem/0.1.0"

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", var.package_folder))
    error_message = "Expected a folder without a slash at its ends."
  }
}

variable "package_sha256sums" {
  description = "The lines of SHA256SUMS, as make package prints them: file(\"SHA256SUMS\")"
  type        = string

  validation {
    condition     = can(regex("^([0-9a-f]{64} [ *]cwmem[A-Za-z0-9._+~-]+\n?)+$", var.package_sha256sums))
    error_message = "Expected checksums and names of packages, as in SHA256SUMS."
  }
}

variable "config" {
  description = "The lines of cwmem.toml; empty for the defaults"
  type        = string
  default     = ""
}

variable "image_parameter" {
  description = "The Systems Manager parameter that names the image"
  type        = string
  default     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

variable "instance_type" {
  type    = string
  default = "t3.micro"
}

variable "metadata_hop_limit" {
  description = "2 where a container has to reach the instance's metadata"
  type        = number
  default     = 1
}

variable "tags" {
  description = "The instance's tags: what dimensions such as \"tag:Stage\" are taken from"
  type        = map(string)
  default     = {}
}
