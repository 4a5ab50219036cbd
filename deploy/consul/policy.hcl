# The ACL policy of Periplus' token: reads services, their checks and nodes; writes nothing, and sees no keys, intentions or tokens.
# consul acl policy create -name periplus -rules @policy.hcl
# consul acl token create -description periplus -policy-name periplus
# In Consul Enterprise wrap both in namespace_prefix "" { … } to read more than one namespace.
service_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
