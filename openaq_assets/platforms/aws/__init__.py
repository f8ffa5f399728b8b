"""The platform of an AWS account: S3, Glue and Athena."""
