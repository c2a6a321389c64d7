// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/render"
	"github.com/certagent/certagent/sinks"
)

// member is one template of a bundle. What it renders is a file or, for an
// env_template, a variable of the child's environment.
type member struct {
	index    int // its place in the configuration
	pos      config.Pos
	name     string
	source   string // the file that holds the template; "" if it is inline
	variable string // the variable's name; "" if the member is a file
	input    render.Input
	file     sinks.File // where the output goes, without content
	owner    owner
	change   config.Change
	key      string // what the change does; "" for nothing
	wait     config.Wait

	template *render.Template // nil as long as the source cannot be read or parsed
}

func newFileMember(index int, t config.Template) *member {
	// A destination that cannot be made absolute is left as it is; publishing
	// says what is wrong with it.
	path := t.Destination
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	m := &member{
		index:  index,
		pos:    t.Pos,
		name:   t.Destination,
		source: t.Source,
		input:  templateInput(t.Destination, t.Text, t.SandboxPath),
		file:   sinks.File{Path: path, UID: -1, GID: -1, CreateDirs: t.CreateDestDirs, Backup: t.Backup},
		owner:  owner{user: t.User, group: t.Group},
		change: t.Change,
		wait:   t.Wait,
	}
	if t.PermsSet {
		m.file.Mode = t.Perms
	}
	m.key = changeKey(t.Change)
	return m
}

func newVariableMember(index int, t config.EnvTemplate, restart bool) *member {
	m := &member{
		index:    index,
		pos:      t.Pos,
		name:     t.Name,
		source:   t.Source,
		variable: t.Name,
		input:    templateInput(t.Name, t.Text, ""),
	}
	if restart {
		m.change = config.Change{Mode: config.Restart, Pos: t.Pos}
		m.key = changeKey(m.change)
	}
	return m
}

func templateInput(name string, t config.Text, sandbox string) render.Input {
	return render.Input{
		Name: name, Source: t.Source, Contents: t.Contents, LeftDelim: t.LeftDelim, RightDelim: t.RightDelim,
		SandboxPath: sandbox, ErrorOnMissingKey: t.ErrorOnMissingKey, Denylist: t.FunctionDenylist,
	}
}

// load reads and parses the template. When that fails the template that was
// loaded before stays.
func (m *member) load() error {
	in := m.input
	if m.source != "" {
		contents, err := os.ReadFile(m.source)
		if err != nil {
			return fmt.Errorf("reading template: %w", err)
		}
		in.Contents = string(contents)
	}
	template, err := render.Parse(in)
	if err != nil {
		return err
	}
	m.input.Contents, m.template = in.Contents, template
	return nil
}

// digest identifies what the member renders and what follows, so that a later
// run can tell whether files on disk are the answer to the same configuration.
func (m *member) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %v\n", m.file.Path, m.variable, m.input.Contents, m.input.LeftDelim, m.input.RightDelim, m.input.ErrorOnMissingKey)
	fmt.Fprintf(h, "%o %q %q\n", m.file.Mode, m.owner.user, m.owner.group)
	names, _ := m.template.Environment()
	for _, name := range names {
		fmt.Fprintf(h, "%q=%q\n", name, os.Getenv(name))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// reproducible says whether the output follows from the template, its secrets,
// files and known environment variables alone.
func (m *member) reproducible() bool {
	_, known := m.template.Environment()
	return known && m.template.Reproducible()
}

// changeKey is equal for changes that do the same thing.
func changeKey(c config.Change) string {
	switch c.Mode {
	case config.Signal:
		return plan.ChangeKey("signal", c.PIDFile, strconv.Itoa(int(c.Signal)))
	case config.Restart:
		return plan.ChangeKey("restart")
	case config.Command:
		return plan.ChangeKey(append([]string{"command", c.Timeout.String()}, c.Command...)...)
	}
	return ""
}

// targetsChild says whether the member's change is one of the child.
func (m *member) targetsChild() bool {
	return m.change.Mode == config.Restart || m.change.Mode == config.Signal && m.change.PIDFile == ""
}

// describe names a change for the log, without arguments, which may be secret.
func describe(c config.Change) string {
	switch c.Mode {
	case config.Signal:
		target := "the child"
		if c.PIDFile != "" {
			target = c.PIDFile
		}
		return signalName(c.Signal) + " to " + target
	case config.Restart:
		return "restart of the child"
	case config.Command:
		return "command " + c.Command[0]
	}
	return "nothing"
}

// splay draws how long to put the change off.
func splay(c config.Change, random float64) time.Duration {
	return time.Duration(random * float64(c.Splay))
}

func signalName(sig syscall.Signal) string { return unix.SignalName(sig) }
