# PostgreSQL for accounts and what was answered; Redis for limits that pods keep together.
resource "aws_security_group" "database" {
  for_each    = { postgres = 5432, redis = 6379 }
  name_prefix = "${local.name}-${each.key}-"
  description = "Pods reach ${each.key}"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each                     = { postgres = 5432, redis = 6379 }
  security_group_id            = aws_security_group.database[each.key].id
  description                  = "Pods"
  referenced_security_group_id = aws_eks_cluster.main.vpc_config[0].cluster_security_group_id
  from_port                    = each.value
  to_port                      = each.value
  ip_protocol                  = "tcp"
}

resource "aws_db_subnet_group" "main" {
  name       = local.name
  subnet_ids = aws_subnet.database[*].id
}

resource "aws_db_parameter_group" "main" {
  name_prefix = "${local.name}-"
  family      = "postgres15"
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_statement"
    value = "ddl"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "main" {
  identifier                            = local.name
  engine                                = "postgres"
  engine_version                        = "15"
  instance_class                        = var.database.class
  allocated_storage                     = var.database.storage
  max_allocated_storage                 = var.database.most
  storage_type                          = "gp3"
  storage_encrypted                     = true
  kms_key_id                            = aws_kms_key.main.arn
  db_name                               = "finq"
  username                              = "finq"
  password                              = random_password.database.result
  db_subnet_group_name                  = aws_db_subnet_group.main.name
  parameter_group_name                  = aws_db_parameter_group.main.name
  vpc_security_group_ids                = [aws_security_group.database["postgres"].id]
  multi_az                              = true
  publicly_accessible                   = false
  backup_retention_period               = 35
  copy_tags_to_snapshot                 = true
  deletion_protection                   = true
  skip_final_snapshot                   = false
  final_snapshot_identifier             = "${local.name}-last"
  auto_minor_version_upgrade            = true
  iam_database_authentication_enabled   = true
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = aws_kms_key.main.arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
}

resource "aws_elasticache_subnet_group" "main" {
  name       = local.name
  subnet_ids = aws_subnet.database[*].id
}

resource "aws_elasticache_replication_group" "main" {
  replication_group_id       = local.name
  description                = "Limits and answers that pods share"
  engine                     = "redis"
  engine_version             = "7.1"
  node_type                  = var.cache_type
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  subnet_group_name          = aws_elasticache_subnet_group.main.name
  security_group_ids         = [aws_security_group.database["redis"].id]
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.main.arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  auth_token                 = random_password.cache.result
}

resource "random_password" "database" {
  length  = 40
  special = false
}

resource "random_password" "cache" {
  length  = 40
  special = false
}

resource "random_password" "token" {
  length  = 64
  special = false
}

# What the operator of external secrets gives to pods. `metrics_key` opens nothing until a real one was put in its place.
resource "aws_secretsmanager_secret" "main" {
  #checkov:skip=CKV2_AWS_57:what they open is changed by hand, as docs/runbooks/leaked-key.md says
  name                    = "finq/${var.environment}"
  kms_key_id              = aws_kms_key.main.arn
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret_version" "main" {
  secret_id = aws_secretsmanager_secret.main.id
  secret_string = jsonencode({
    access_url   = local.database_url
    store_url    = local.database_url
    redis_url    = "rediss://:${random_password.cache.result}@${aws_elasticache_replication_group.main.primary_endpoint_address}:6379/0"
    token_secret = random_password.token.result
    metrics_key  = "none"
  })
  lifecycle {
    # Keys of callers and of providers are added by hand.
    ignore_changes = [secret_string]
  }
}

locals {
  database_url = "postgresql+psycopg://finq:${random_password.database.result}@${aws_db_instance.main.address}:5432/finq?sslmode=require"
}
