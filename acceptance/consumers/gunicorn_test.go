// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// SIGHUP is for every kind of worker. Those of kind sync and gthread read the files
// at each connection and need no change at all.
func TestGunicorn(t *testing.T) {
	t.Parallel()
	need(t, "/usr/bin/gunicorn")
	if err := exec.Command("/usr/bin/python3", "-c", "import flask").Run(); err != nil {
		harness.Missing(t, "Flask is not installed (install it with: make tools)")
	}
	for name, edit := range map[string]func(w *world){
		"SIGHUP":             func(*world) {},
		"no change":          noChange,
		"no change, gthread": func(w *world) { noChange(w); threads(w) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, gunicorn)
			w.title += ", " + name
			edit(w)
			w.Install("app.py", "srv/app/app.py")
			a := w.certagent()
			a.logs(published, 1)
			p := w.consumer()
			a.rotates(1)
			clients := w.clients()
			a.rotates(rotations)
			a.undisturbed()
			clients.judge(a)
			a.stop()
			p.stop()
			if strings.Contains(p.String(), "Error processing SSL request") {
				t.Error("gunicorn complains of TLS")
			}
		})
	}
}

// threads has gunicorn use another kind of worker.
func threads(w *world) {
	w.recipe["sh"] = replaced(w.T, w.recipe["sh"], "--workers 2", "--workers 2 --worker-class gthread")
}

// noChange leaves the signal out.
func noChange(w *world) {
	block := replaced(w.T, w.recipe["hcl"], `change_mode = "signal" # SIGHUP`, `change_mode = "noop"`)
	w.recipe["hcl"] = replaced(w.T, block, `  pid_file    = "/run/gunicorn.pid"`, "")
}
