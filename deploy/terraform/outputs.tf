output "cluster" {
  description = "CLUSTER of the deployment"
  value       = aws_eks_cluster.main.name
}

output "registry" {
  description = "REGISTRY of releases and of the chart's image.registry"
  value       = "${local.account}.dkr.ecr.${var.region}.amazonaws.com/${local.name}/"
}

output "publish" {
  description = "publish.url of the chart"
  value       = "s3://${aws_s3_bucket.data.id}/finq"
}

output "address" {
  description = "What the name of the API has to lead to"
  value       = aws_lb.api.dns_name
}

output "target_group" {
  description = "targetGroup.arn of the chart"
  value       = aws_lb_target_group.api.arn
}

output "roles" {
  description = "Roles of service accounts, and of the jobs that push and deploy"
  value = merge(
    { for name, role in aws_iam_role.pod : name => role.arn },
    { for name, role in aws_iam_role.github : name => role.arn },
  )
}
