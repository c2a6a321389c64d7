// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import "testing"

func TestNode(t *testing.T) {
	need(t, "node")
	w := newWorld(t, node)
	w.Install("server.js", "srv/app/server.js")
	a := w.certagent() // Node is its child
	a.rotates(1)
	clients := w.clients()
	a.rotates(rotations)
	a.undisturbed()
	clients.judge(a)
	a.stop()
}
