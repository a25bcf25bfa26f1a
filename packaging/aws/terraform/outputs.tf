output "instance_id" {
  value = aws_instance.cwmem.id
}

output "instance_profile" {
  description = "For the instances or launch templates of others"
  value       = aws_iam_instance_profile.cwmem.name
}
