"""What a registered web ACL does with a request, worked out from its rules as AWS keeps them."""
