// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import "testing"

// World is what most tests of a whole agent have: a server and a directory.
type World struct {
	*testing.T
	Backend
	Dir
}

// NewWorld starts a dev server and makes a directory.
func NewWorld(t *testing.T, o ServerOptions) *World {
	t.Helper()
	return &World{T: t, Backend: StartDev(t, o), Dir: NewDir(t)}
}

// Eventually waits until the condition holds.
func (w *World) Eventually(what string, holds func() bool) {
	w.Helper()
	Eventually(w.T, what, holds)
}

// Check ends the test if there is an error.
func (w *World) Check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// PutKV writes a secret to the server's KV.
func (w *World) PutKV(path string, data map[string]any) {
	w.Helper()
	_, err := w.Client.Logical().Write("secret/data/"+path, map[string]any{"data": data})
	w.Check(err)
}
