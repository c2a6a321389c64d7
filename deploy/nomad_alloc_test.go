// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/internal/harness"
)

// alloc is an allocation as Nomad's client lays it out: a directory that the
// tasks share, and one for each task.
type alloc struct {
	*testing.T
	job    nomadJob
	dir    string
	port   string
	server *world
	edit   func(string) string // of the templates, for what no test can have; nil for none
}

func newAlloc(t *testing.T, w *world, job string) *alloc {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // free again for nginx
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a := &alloc{T: t, job: readNomadJob(t, job), dir: t.TempDir(), port: port, server: w}
	write(t, filepath.Join(a.dir, "vault-ca.crt"), string(w.CA))
	if err := os.Mkdir(filepath.Join(a.dir, "alloc"), 0o777); err != nil {
		t.Fatal(err)
	}
	return a
}

// env is what Nomad gives a task, and where the test's server is.
func (a *alloc) env(task nomadTask) map[string]string {
	dir := filepath.Join(a.dir, task.Name)
	env := map[string]string{
		"NOMAD_ALLOC_DIR": filepath.Join(a.dir, "alloc"), "NOMAD_TASK_DIR": filepath.Join(dir, "local"),
		"NOMAD_SECRETS_DIR": filepath.Join(dir, "secrets"), "NOMAD_PORT_https": a.port,
		"PATH":       os.Getenv("PATH") + ":/usr/sbin:/sbin",
		"VAULT_ADDR": a.server.URL, "VAULT_CACERT": filepath.Join(a.dir, "vault-ca.crt"),
	}
	for name, value := range task.Env {
		env[name] = strings.ReplaceAll(value, "${node.unique.name}", "client-1")
	}
	return env
}

// taskProcess is a task that runs.
type taskProcess struct {
	*process
	task nomadTask
	dir  string
}

// run starts a task as the driver raw_exec does: in its directory, in a process
// group of its own.
func (a *alloc) run(name string) *taskProcess {
	a.Helper()
	task := a.job.task(a.T, name)
	dir, env := filepath.Join(a.dir, name), a.env(task)
	for _, identity := range task.Identities {
		write(a.T, filepath.Join(dir, "secrets/nomad_"+identity.Name+".jwt"), a.server.nomadToken())
	}
	for _, template := range task.Templates {
		if a.edit != nil {
			template.EmbeddedTmpl = a.edit(template.EmbeddedTmpl)
		}
		template.render(a.T, env, filepath.Join(dir, template.DestPath))
	}
	writeBigFile(a.T, filepath.Join(dir, "local/www/big"))
	cmd := exec.Command(a.program(task.Config.Command), task.Config.Args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return &taskProcess{process: start(a.T, cmd), task: task, dir: dir}
}

// program finds here what a job names by its path on a client.
func (a *alloc) program(path string) string {
	a.Helper()
	switch path {
	case "/usr/bin/certagent":
		return harness.CertagentStatic(a.T)
	case "/usr/sbin/nginx":
		return harness.Program(a.T, "nginx")
	}
	a.Fatalf("the job runs %q", path)
	return ""
}

// stop is how Nomad stops a task: a signal to the process alone, kill_timeout,
// SIGKILL to the process, SIGKILL to its process group. It returns whether the
// task ended by itself. What is to be done meanwhile may be nil.
func (p *taskProcess) stop(sig string, timeout time.Duration, meanwhile func()) bool {
	p.Helper()
	p.Signal(unix.SignalNum(sig))
	killed := time.After(timeout)
	if meanwhile != nil {
		meanwhile()
	}
	select {
	case <-p.Ended():
		return true
	case <-killed:
		p.Signal(syscall.SIGKILL)
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // nobody may be left in it
		<-p.Ended()
		return false
	}
}

// take takes the rest of a response, but not before nginx has been told to end.
func (p *taskProcess) take(d *download) func() {
	return func() {
		p.Says("gracefully shutting down")
		d.finish()
	}
}

// served waits until the task's port answers, and returns the certificate that it
// shows.
func (a *alloc) served() *x509.Certificate {
	a.Helper()
	return servedLeaf(a.T, dialHere, "127.0.0.1:"+a.port)
}

// nginxes are the processes of nginx that run in the allocation.
func (a *alloc) nginxes() (pids []string) {
	a.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		a.Fatal(err)
	}
	for _, link := range links {
		name, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "comm")) // it may have ended
		if dir, err := os.Readlink(link); err == nil && strings.HasPrefix(dir, a.dir) && string(name) == "nginx\n" {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	return pids
}
