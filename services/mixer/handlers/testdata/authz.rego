# Compiled by OPA 1.22.2 into authz.wasm: opa build -t wasm -e mixerauthz/allow authz.rego; tar xzf bundle.tar.gz /policy.wasm
package mixerauthz

default allow := false

allow if {
	input.action.method == "GET"
	startswith(input.action.path, "/public")
}

allow if {
	input.subject.user == "alice"
	input.subject.properties.role == "admin"
}
