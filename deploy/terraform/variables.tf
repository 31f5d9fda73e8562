variable "environment" {
  description = "What this is for; part of every name"
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "Give 2 to 12 small letters and digits, such as production."
  }
}

variable "region" {
  description = "Where it is, such as eu-central-1"
  type        = string
}

variable "zones" {
  description = "Three zones of the region, such as eu-central-1a; they stay what they are when it gets more"
  type        = list(string)
  validation {
    condition     = length(var.zones) == 3 && length(distinct(var.zones)) == 3
    error_message = "Give three different zones."
  }
}

variable "cidr" {
  description = "Addresses of the network"
  type        = string
  default     = "10.20.0.0/16"
}

variable "kubernetes_version" {
  description = "Of the cluster; the chart needs 1.28"
  type        = string
  default     = "1.31"
}

variable "administrators" {
  description = "Addresses from which the cluster is administered, such as 192.0.2.0/24; empty: only from within"
  type        = list(string)
  default     = []
  validation {
    condition     = !contains(var.administrators, "0.0.0.0/0")
    error_message = "The cluster is not administered from everywhere."
  }
}

variable "callers" {
  description = "Addresses from which the API is called"
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "certificate_arn" {
  description = "Certificate of the name by which the API is called"
  type        = string
}

variable "nodes" {
  description = "Machines of the cluster"
  type = object({
    types = list(string)
    min   = number
    max   = number
  })
  default = { types = ["m7i.xlarge"], min = 3, max = 20 }
}

variable "database" {
  description = "PostgreSQL: its machine, and gigabytes at first and at most"
  type = object({
    class   = string
    storage = number
    most    = number
  })
  default = { class = "db.m7g.large", storage = 50, most = 500 }
}

variable "cache_type" {
  description = "Machine of Redis"
  type        = string
  default     = "cache.m7g.large"
}

variable "repository" {
  description = "Repository on GitHub whose releases push images and deploy, such as house/finq"
  type        = string
}
