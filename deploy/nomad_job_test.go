// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"
)

// nomadJobs are the jobs, and how many tasks each has.
var nomadJobs = map[string]int{"nginx": 1, "sidecar": 3, "fleet": 1}

// nomadJob is what the tests look at in a job, as Nomad's API has it.
type nomadJob struct {
	Type       string
	TaskGroups []struct{ Tasks []nomadTask }
}

type nomadTask struct {
	Name, Driver, KillSignal string
	KillTimeout              time.Duration
	Config                   struct {
		Command string
		Args    []string
	}
	Env        map[string]string
	Lifecycle  *struct{ Hook string }
	Identities []struct {
		Name     string
		Audience []string
		File     bool
	}
	Templates []nomadTemplate
}

type nomadTemplate struct {
	DestPath, EmbeddedTmpl, LeftDelim, RightDelim string
	ChangeMode, ChangeSignal                      string
}

func readNomadJob(t *testing.T, name string) nomadJob {
	t.Helper()
	var job nomadJob
	parse(t, "nomad", "nomad/"+name+".nomad.hcl", &job)
	if len(job.TaskGroups) != 1 || len(job.TaskGroups[0].Tasks) != nomadJobs[name] {
		t.Fatalf("%s: unexpected groups or tasks: %+v", name, job)
	}
	return job
}

// task returns the task of a name.
func (j nomadJob) task(t *testing.T, name string) nomadTask {
	t.Helper()
	for _, task := range j.TaskGroups[0].Tasks {
		if task.Name == name {
			return task
		}
	}
	t.Fatalf("there is no task %q", name)
	return nomadTask{}
}

// render writes what Nomad's template says, for as much of its language as the
// jobs use.
func (n nomadTemplate) render(t *testing.T, env map[string]string, path string) {
	t.Helper()
	functions := template.FuncMap{"env": func(name string) string { return env[name] }}
	parsed, err := template.New(n.DestPath).Delims(n.LeftDelim, n.RightDelim).Funcs(functions).Parse(n.EmbeddedTmpl)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := parsed.Execute(&text, nil); err != nil {
		t.Fatal(err)
	}
	write(t, path, text.String())
}

// TestNomadJobs holds the jobs to what they have to say for certagent to log in,
// and to be stopped in time.
func TestNomadJobs(t *testing.T) {
	t.Parallel()
	for name := range nomadJobs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, task := range readNomadJob(t, name).TaskGroups[0].Tasks {
				if task.Driver != "raw_exec" || !filepath.IsAbs(task.Config.Command) {
					t.Errorf("%s: driver %q runs %q", task.Name, task.Driver, task.Config.Command)
				}
				// The clients' max_kill_timeout, unless it is set, is 30 s.
				if task.KillTimeout > 30*time.Second {
					t.Errorf("%s: kill_timeout is %v", task.Name, task.KillTimeout)
				}
				if slices.Contains(task.Config.Args, "-config=local/agent.hcl") {
					task.checkAgent(t)
				}
			}
		})
	}
}

func (n nomadTask) checkAgent(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), n.Name, "agent.hcl")
	i := slices.IndexFunc(n.Templates, func(t nomadTemplate) bool { return t.DestPath == "local/agent.hcl" })
	if i < 0 {
		t.Fatalf("%s: no template makes the configuration", n.Name)
	}
	env := map[string]string{"NOMAD_ALLOC_DIR": "/alloc", "NOMAD_PORT_https": "8443", "NODE": "node"}
	n.Templates[i].render(t, env, path)
	c := loadConfig(t, path, env)
	if n.Config.Args[0] != "agent" {
		return
	}
	if n.Templates[i].ChangeMode != "signal" || n.Templates[i].ChangeSignal != "SIGHUP" {
		t.Errorf("%s: a changed configuration leads to %s %s", n.Name, n.Templates[i].ChangeMode, n.Templates[i].ChangeSignal)
	}
	if len(n.Identities) != 1 || !n.Identities[0].File || len(n.Identities[0].Audience) == 0 {
		t.Fatalf("%s: identities %+v", n.Name, n.Identities)
	}
	if jwt := c.AutoAuth.Method.JWT; jwt.Path != "secrets/nomad_"+n.Identities[0].Name+".jwt" || jwt.RemoveAfterReading {
		t.Errorf("%s: the login is %+v, with identity %q", n.Name, jwt, n.Identities[0].Name)
	}
	if n.KillSignal != "SIGTERM" && n.KillSignal != "SIGINT" {
		t.Errorf("%s: kill_signal is %q", n.Name, n.KillSignal)
	}
	for _, child := range c.Execs {
		nginx := duration(t, n.Templates[1].EmbeddedTmpl, workerTimeout)
		if nginx+time.Second > child.KillTimeout || child.KillTimeout+3*time.Second > n.KillTimeout {
			t.Errorf("%s: nginx takes up to %v, certagent lets it for %v, and is itself killed after %v", n.Name, nginx, child.KillTimeout, n.KillTimeout)
		}
	}
}

// The configuration of the sidecar is in two of its tasks.
func TestNomadTasksAgree(t *testing.T) {
	t.Parallel()
	job := readNomadJob(t, "sidecar")
	if job.task(t, "certagent").Templates[0].EmbeddedTmpl != job.task(t, "wait").Templates[0].EmbeddedTmpl {
		t.Error("the tasks certagent and wait have different configurations")
	}
	entries, err := os.ReadDir("nomad")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name, job := strings.CutSuffix(e.Name(), ".nomad.hcl"); job && nomadJobs[name] == 0 {
			t.Errorf("%s is not tested", e.Name())
		}
	}
}
