// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"testing"
)

// A write that Vault answers without content (204) is nothing to a template: "with"
// takes its "else".
func TestEmptyAnswerToAWrite(t *testing.T) {
	w := newWorld(t)
	w.put("sys/mounts/kv1", "type=kv")
	w.put("sys/policies/acl/agent", `policy=path "kv1/*" { capabilities = ["create", "update"] }`)
	w.start(loginBlocks + `
template {
  contents    = "{{ with secret \"kv1/written\" \"a=b\" }}something{{ else }}empty{{ end }}"
  destination = "DIR/out"
  change_mode = "noop"
}`)
	w.Eventually("the else branch", func() bool { return w.Read("out") == "empty" })
}
