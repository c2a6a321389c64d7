// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// TestImages holds the Dockerfiles to what an orchestrator expects of images.
func TestImages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, stage, base string
		entrypoint        string // "": the image is not run
		files             []string
	}{
		{"Dockerfile", "init", "scratch", "", []string{"certagent"}},
		{"Dockerfile", "injector", "busybox:1.37-musl", "/bin/certagent",
			[]string{"bin/certagent", "bin/vault", "etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo.zip"}},
		{"Dockerfile", "certagent", "scratch", "/bin/certagent",
			[]string{"bin/certagent", "etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo.zip"}},
		{"nginx.Dockerfile", "", "nginxinc/nginx-unprivileged:1.29", "/certagent",
			[]string{"certagent", "etc/certagent/agent.hcl", "etc/nginx/nginx.conf"}},
	} {
		t.Run(c.file+" "+c.stage, func(t *testing.T) {
			t.Parallel()
			s, i := assembleNamed(t, c.file, c.stage, newWorld(t, "1h"))
			if s.Base != c.base {
				t.Errorf("it is made from %s", s.Base)
			}
			var files []string
			err := filepath.WalkDir(i.root, func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					files = append(files, strings.TrimPrefix(path, i.root+"/"))
				}
				return err
			})
			if err != nil || !slices.Equal(files, c.files) {
				t.Errorf("it holds %q: %v", files, err)
			}
			if strings.Join(i.entrypoint, " ") != c.entrypoint {
				t.Errorf("the entrypoint is %q", i.entrypoint)
			}
			// Kubernetes' runAsNonRoot believes numbers only.
			if strings.HasPrefix(i.user, "0") || strings.Trim(i.user, "0123456789:") != "" {
				t.Errorf("the user is %q", i.user)
			}
			if i.stopSignal != "SIGTERM" {
				t.Errorf("the stop signal is %s", i.stopSignal)
			}
		})
	}
}

// assembleNamed assembles a stage, "" for the last one.
func assembleNamed(t *testing.T, file, name string, w *world) (stage, *image) {
	t.Helper()
	build := buildStage(t, w)
	from := map[string]string{"": "container", "build": build}
	all := stages(t, "Dockerfile")
	from["init"] = assemble(t, all[slices.IndexFunc(all, func(s stage) bool { return s.Name == "init" })], from).root
	all = stages(t, file)
	at := slices.IndexFunc(all, func(s stage) bool { return s.Name == name })
	if at < 0 {
		t.Fatalf("there is no stage %q", name)
	}
	return all[at], assemble(t, all[at], from)
}

// The default image is the last one.
func TestDefaultImage(t *testing.T) {
	t.Parallel()
	all := stages(t, "Dockerfile")
	if last := all[len(all)-1].Name; last != "certagent" {
		t.Errorf("docker build makes %q", last)
	}
}

// What is not sent to the builder must not be needed there.
func TestIgnoredFilesAreNotBuilt(t *testing.T) {
	t.Parallel()
	list := exec.Command("go", "list", "-deps", "-f", `{{if and .Module .Module.Main}}{{range .GoFiles}}{{$.Dir}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$.Dir}}/{{.}}
{{end}}{{end}}`, "./cmd/certagent")
	list.Dir = ".."
	text, err := output(list)
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(text)
	if len(files) < 100 {
		t.Fatalf("certagent is made of %d files", len(files))
	}
	for pattern := range strings.Lines(harness.ReadFile(t, "container/Dockerfile.dockerignore")) {
		pattern = strings.TrimSpace(pattern)
		if pattern == "" || strings.HasPrefix(pattern, "#") {
			continue
		}
		for _, file := range files {
			if ignored(pattern, strings.TrimPrefix(file, top+"/")) {
				t.Errorf("%s is ignored by %s", file, pattern)
			}
		}
	}
}

// ignored says whether a pattern of .dockerignore is that of a file or of a
// directory above it.
func ignored(pattern, file string) bool {
	name, anywhere := strings.CutPrefix(pattern, "**/")
	for at := file; at != "."; at = filepath.Dir(at) {
		subject := at
		if anywhere {
			subject = filepath.Base(at)
		}
		if match, err := filepath.Match(name, subject); err != nil || match {
			return true
		}
	}
	return false
}

const scratchConfig = `
auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/run/secrets/role_id"
      secret_id_file_path                 = "/run/secrets/secret_id"
      remove_secret_id_file_after_reading = false
    }
  }
}
bundle "web" {
  directory = "/run/certagent/tls"
  window    = "00:00-23:59 Europe/Berlin"
  certificate {
    role        = "pki/web"
    common_name = "www.example.test"
    files       = { fullchain = "tls.crt", key = "tls.key", ca = "ca.crt" }
  }
}
`

// putSecrets mounts what docker run --secret does.
func (i *image) putSecrets(w *world) {
	i.Helper()
	write(i.T, filepath.Join(i.root, "run/secrets/role_id"), w.role.RoleID)
	write(i.T, filepath.Join(i.root, "run/secrets/secret_id"), string(w.role.SecretID))
}

// TestImageFromScratch runs certagent where there is nothing else: read-only, by
// a user that nobody knows, with a tmpfs for its files.
func TestImageFromScratch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "1h")
	_, i := assembleNamed(t, "Dockerfile", "certagent", w)
	i.putSecrets(w)
	write(t, filepath.Join(i.root, "etc/certagent/agent.hcl"), scratchConfig)
	for _, args := range [][]string{{"version"}, {"validate", "-config=/etc/certagent"}} {
		i.container(args...).start(t).Ends(0)
	}
	b := i.container()
	b.Env = append(b.Env, "VAULT_ADDR="+w.URL)
	p := b.start(t)
	p.Says(logmsg.AllPublished)
	info, err := os.Stat(p.inside("/run/certagent/tls/tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; info.Mode() != 0o600 || uid != anybody && uid != uint32(os.Geteuid()) {
		t.Errorf("the key has owner %d and mode %v", uid, info.Mode())
	}
	p.Signal(unix.SignalNum(i.stopSignal))
	p.Ends(0)
}

// TestImageOfNginx runs certagent as the init of an image with nginx, and stops it
// as docker stop does, while nginx is sending.
func TestImageOfNginx(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a container a network that the test can reach")
	}
	harness.Program(t, "nginx")
	w := newWorld(t, "1h")
	_, i := assembleNamed(t, "nginx.Dockerfile", "", w)
	i.putSecrets(w)
	html := t.TempDir()
	writeBigFile(t, filepath.Join(html, "big"))
	b := i.container()
	b.Network = true
	// The rest of nginx's image is this machine's.
	b.Mounts = slices.Concat(hostPrograms(), b.Mounts, []mount{{Kind: "bind-ro", Source: html, Target: "/usr/share/nginx/html"}})
	b.Env = append(b.Env, "VAULT_ADDR=http://127.0.0.1:8200")
	p := b.start(t)
	n := network{T: t, pid: p.PID()}
	n.serve(w)
	p.Says("start worker process")
	d := startDownload(t, n.dial, "127.0.0.1:8443", "/big")
	if !d.leaf().Equal(leafIn(t, p.inside("/run/certagent/tls/tls.crt"))) {
		t.Error("nginx serves another certificate")
	}
	p.Signal(unix.SignalNum(i.stopSignal))
	p.Says("gracefully shutting down")
	d.finish()
	p.Ends(0)
}
