// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// situationsPage has a row for each situation.
const situationsPage = "../../docs/when-it-fails.md"

// A situation is something that goes wrong, as the page names it.
type situation struct {
	name string
	// text returns the configuration; before brings about what is wrong from the start.
	text   func(w *world) string
	before func(w *world)
	// then brings about what goes wrong once every bundle is published.
	then func(w *world, p *process)
	// file is the one by which the test sees what is published; "" is certFile.
	file     string
	env      []string
	options  harness.ServerOptions
	patience string // of a one-shot run; "" is "3s"
	// under is a program, with its first arguments, that becomes certagent.
	under []string
}

const certFile = "web/tls.crt"

// row is what the page says about a situation.
type row struct {
	lines  []logLine // at WRN or ERR
	wait   int
	ready  bool
	status string // its beginning
	exits  int    // the agent's exit code; -1 if it runs on
	once   int
	serves string // nothing, old, or new
}

// logLine is a line of the log, by texts that it has in this order. The first one begins
// with the level, or is what certagent prints before it logs.
type logLine []string

func (l logLine) pattern() string {
	quoted := make([]string, len(l))
	for i, text := range l {
		quoted[i] = regexp.QuoteMeta(text)
	}
	return strings.Join(quoted, ".*")
}

// printed is the beginning of what certagent prints if it does not start.
const printed = "certagent: error: "

// TestWhenItFails brings about each situation of the page and compares what can be seen
// with its row. With CERTAGENT_SHOW=1 it prints a row for what can be seen instead.
func TestWhenItFails(t *testing.T) {
	rows := situationRows(t)
	for _, s := range situations() {
		r, ok := rows[s.name]
		delete(rows, s.name)
		if !ok {
			t.Errorf("%s has no row for %q", situationsPage, s.name)
			if os.Getenv("CERTAGENT_SHOW") == "" {
				continue
			}
		}
		t.Run(strings.NewReplacer(" ", "_", "/", "_").Replace(s.name), func(t *testing.T) { s.check(newWorldWith(t, s.options), r) })
	}
	for name := range rows {
		t.Errorf("%s: no test brings about %q", situationsPage, name)
	}
}

var lastManager atomic.Int64

func (s situation) check(w *world, want row) {
	if len(s.under) > 0 && s.under[0] == powerless[0] {
		harness.Program(w.T, powerless[0])
		if os.Geteuid() != 0 {
			harness.Missing(w.T, "needs root, to set up what root may not do without capabilities")
		}
	}
	if s.before != nil {
		s.before(w)
	}
	if s.file == "" {
		s.file = certFile
	}
	old := w.Read(s.file)
	m := newManager(w.T, fmt.Sprintf("@certagent-situation-%d-%d", os.Getpid(), lastManager.Add(1)))
	w.Write("agent.hcl", w.expand(s.text(w)))
	p := s.launch(w, append(m.env(), s.env...), "agent")
	if s.then != nil {
		p.Says(logmsg.AllPublished)
		s.then(w, p)
		old = w.Read(s.file)
	}
	if os.Getenv("CERTAGENT_SHOW") != "" {
		s.show(w, p, m, old)
		return
	}
	if want.ready {
		harness.Eventually(w.T, "READY=1", m.ready)
	}
	for _, l := range want.lines {
		p.Says(l.pattern())
	}
	if want.exits >= 0 {
		p.Ends(want.exits)
	} else {
		p.Alive()
	}
	if len(want.lines) == 0 && p.Count(` (WRN|ERR) `) > p.Count(` WRN configuration warning `) {
		w.Errorf("there are lines at WRN or ERR")
	}
	// Files without a directory of their own are replaced one by one, and a look in between
	// finds half of each set.
	harness.Eventually(w.T, fmt.Sprintf("wait ends with %d", want.wait), func() bool {
		p := s.wait(w)
		<-p.Ended()
		return p.State().ExitCode() == want.wait
	})
	if want.exits < 0 {
		harness.Eventually(w.T, fmt.Sprintf("the status is %q", want.status), func() bool { return strings.HasPrefix(m.status(), want.status) })
	}
	if m.ready() && !want.ready && want.exits < 0 {
		w.Error("systemd gets READY=1")
	}
	if leaf := w.Leaf(s.file); leaf != nil && time.Now().After(leaf.NotAfter) {
		p.Says(`ERR .*` + logmsg.Expired) // nothing expires in silence
	}
	if got := s.serves(w, old); got != want.serves {
		w.Errorf("readers find %s, want %s", got, want.serves)
	}
	if want.exits < 0 {
		p.Signal(syscall.SIGTERM)
		harness.Eventually(w.T, "it stops", func() bool { return !p.Running() })
	}
	s.once(w).Ends(want.once)
}

// wait asks what is missing now.
func (s situation) wait(w *world) *process {
	w.Helper()
	return s.launch(w, nil, "wait", "-timeout=0")
}

// launch starts certagent with the configuration as it is now.
func (s situation) launch(w *world, env []string, args ...string) *process {
	w.Helper()
	command := slices.Concat(s.under, []string{"certagent"}, args, []string{"-config=" + w.Path("agent.hcl")})
	return launchProgram(w.T, w.Path(""), env, command[0], command[1:]...)
}

// once runs a one-shot agent with the configuration as it is now.
func (s situation) once(w *world) *process {
	w.Helper()
	return s.launch(w, s.env, "agent", "-once", "-timeout="+either(s.patience, "3s"))
}

// serves returns what readers find.
func (s situation) serves(w *world, old string) string {
	w.Helper()
	switch now := w.Read(s.file); now {
	case "":
		return "nothing"
	case old:
		return "old"
	default:
		return "new"
	}
}

// ready reports whether the service manager was told that certagent is ready.
func (m *manager) ready() bool { return m.count(`READY=1(\n.*)?`) > 0 }

// status returns what the service manager was last told for people.
func (m *manager) status() string {
	for _, d := range slices.Backward(m.datagrams()) {
		for line := range strings.Lines(d) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), "STATUS="); ok {
				return text
			}
		}
	}
	return ""
}

// show prints a row for what can be seen, for a page that is behind.
func (s situation) show(w *world, p *process, m *manager, old string) {
	time.Sleep(4 * time.Second)
	var lines []string
	seen := map[string]bool{}
	for line := range strings.Lines(p.String()) {
		_, line, _ = strings.Cut(strings.TrimSpace(strings.ReplaceAll(line, w.Path(""), "DIR")), " ")
		message, _, _ := strings.Cut(line, "=")
		if logged.MatchString(line) && !seen[message] {
			lines = append(lines, "`"+line+"`")
		}
		seen[message] = true
	}
	wait := s.wait(w)
	<-wait.Ended()
	ready := map[bool]string{true: "yes", false: "no"}[m.ready()] + ", `" + m.status() + "`"
	serves := s.serves(w, old)
	if p.Running() {
		p.Signal(syscall.SIGTERM)
		<-p.Ended()
	} else {
		ready = fmt.Sprintf("exits with %d", p.State().ExitCode())
	}
	once := "-"
	o := s.once(w)
	select {
	case <-o.Ended():
		once = strconv.Itoa(o.State().ExitCode())
	case <-time.After(10 * time.Second):
		once = "hangs"
	}
	fmt.Println("|", s.name, "|", strings.Join(lines, "<br>"), "|", wait.State().ExitCode(), "|", ready, "|", once, "|", serves, "| ? |")
}

var (
	backticked = regexp.MustCompile("`([^`]*)`")
	logged     = regexp.MustCompile(`^(WRN|ERR) (.*)$`)
)

// situationRows reads the tables of the page.
func situationRows(t *testing.T) map[string]row {
	t.Helper()
	rows := map[string]row{}
	text, err := os.ReadFile(situationsPage)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00"), "|")
		if len(cells) != 9 || strings.HasPrefix(cells[1], "--") || strings.TrimSpace(cells[1]) == "what happened" {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
		}
		name := cells[1]
		if _, twice := rows[name]; twice {
			t.Errorf("%s: two rows for %q", situationsPage, name)
		}
		r, err := parseRow(cells)
		if err != nil {
			t.Errorf("%s: %q: %v", situationsPage, name, err)
		}
		rows[name] = r
	}
	return rows
}

// parseRow reads the cells of a row: its name, the log, the exit code of wait, READY and
// STATUS, the exit code of -once, what is served, and what to do.
func parseRow(cells []string) (r row, err error) {
	r.exits = -1
	if cells[2] != "none" {
		for text := range strings.SplitSeq(cells[2], "<br>") {
			var l logLine
			for _, quoted := range backticked.FindAllStringSubmatch(text, -1) {
				l = append(l, quoted[1])
			}
			if len(l) == 0 || !logged.MatchString(l[0]) && !strings.HasPrefix(l[0], printed) {
				return r, fmt.Errorf("no message in %q", text)
			}
			r.lines = append(r.lines, l)
		}
	}
	if r.wait, err = strconv.Atoi(cells[3]); err != nil {
		return r, err
	}
	if code, ok := strings.CutPrefix(cells[4], "exits with "); ok {
		if r.exits, err = strconv.Atoi(code); err != nil {
			return r, err
		}
	} else {
		answer, status, _ := strings.Cut(cells[4], ", ")
		quoted := backticked.FindStringSubmatch(status)
		if answer != "yes" && answer != "no" || quoted == nil {
			return r, fmt.Errorf("READY and STATUS are %q", cells[4])
		}
		r.ready, r.status = answer == "yes", quoted[1]
	}
	if r.once, err = strconv.Atoi(cells[5]); err != nil {
		return r, err
	}
	r.serves, _, _ = strings.Cut(cells[6], ",")
	if !slices.Contains([]string{"nothing", "old", "new"}, r.serves) || cells[7] == "" {
		return r, fmt.Errorf("what is served is %q, and what to do %q", cells[6], cells[7])
	}
	return r, nil
}
