// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// manager receives what systemd would be told.
type manager struct {
	testing.TB
	address string
	conn    *net.UnixConn

	mu  sync.Mutex
	all []string // the datagrams, in their order
}

// newManager listens at a path, or in the abstract namespace if it begins with @.
func newManager(t testing.TB, address string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{TB: t, address: address, conn: conn}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buffer := make([]byte, 64<<10); ; {
			n, err := conn.Read(buffer)
			if err != nil {
				return // closed
			}
			m.mu.Lock()
			m.all = append(m.all, string(buffer[:n]))
			m.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
		if t.Failed() {
			t.Logf("the datagrams: %q", m.datagrams())
		}
	})
	return m
}

func (m *manager) env() []string { return []string{"NOTIFY_SOCKET=" + m.address} }

func (m *manager) datagrams() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.all)
}

// states are the datagrams that are about the service's state: all but those of
// STATUS alone, of the watchdog and of time-outs. MONOTONIC_USEC is left out.
func (m *manager) states() []string {
	var states []string
	for _, d := range m.datagrams() {
		first, _, _ := strings.Cut(d, "\n")
		if !strings.HasPrefix(d, "STATUS=") && !strings.HasPrefix(d, "EXTEND_TIMEOUT_USEC=") && d != "WATCHDOG=1" {
			states = append(states, first)
		}
	}
	return states
}

// count says how many datagrams match the whole pattern.
func (m *manager) count(pattern string) int {
	expression := regexp.MustCompile("^(?:" + pattern + ")$")
	n := 0
	for _, d := range m.datagrams() {
		if expression.MatchString(d) {
			n++
		}
	}
	return n
}

// hears waits for a datagram that matches the whole pattern.
func (m *manager) hears(pattern string) {
	m.Helper()
	harness.Eventually(m, "systemd is told "+pattern, func() bool { return m.count(pattern) > 0 })
}

// becomes waits for states.
func (m *manager) becomes(states ...string) {
	m.Helper()
	harness.Eventually(m, fmt.Sprint("systemd is told ", states), func() bool { return len(m.states()) >= len(states) })
	if got := m.states(); !slices.Equal(got, states) {
		m.Fatalf("systemd is told %q, want %q", got, states)
	}
}

// reloads returns the times at which reloads began, of the clock CLOCK_MONOTONIC.
func (m *manager) reloads() []time.Duration {
	m.Helper()
	var times []time.Duration
	for _, d := range m.datagrams() {
		found := regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=(\d+)$`).FindStringSubmatch(d)
		if found == nil {
			if strings.Contains(d, "RELOADING") {
				m.Errorf("systemd is told %q", d)
			}
			continue
		}
		µs, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil {
			m.Fatal(err)
		}
		times = append(times, time.Duration(µs)*time.Microsecond)
	}
	return times
}

// monotonic is now as systemd has it.
func monotonic(t testing.TB) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano()).Truncate(time.Microsecond)
}

// From the start to the stop, with reloads of all kinds in between: what systemd
// is told, and in which order.
func TestNotify(t *testing.T) {
	w := newWorld(t)
	m := newManager(t, w.Path("notify"))
	text := login + eager + password("") + child("trap 'sleep 0.3; exit 0' TERM; echo child runs; while :; do sleep 0.05; done", "")
	p := w.startEnv(m.env(), text)
	m.becomes("READY=1")
	m.hears(`STATUS=1 bundle, published`)
	p.Says(`child runs`)

	want := []string{"READY=1"}
	reload := func(config, says string) {
		t.Helper()
		w.Write("agent.hcl", w.expand(config))
		before := monotonic(t)
		p.Signal(syscall.SIGHUP)
		want = append(want, "RELOADING=1", "READY=1")
		m.becomes(want...)
		p.Says(says)
		times := m.reloads()
		if last := times[len(times)-1]; last < before || last > monotonic(t) {
			t.Errorf("the reload began at %s, the signal came at %s", last, before)
		}
	}
	reload(text+`log_level = "debug"`, logmsg.Reloaded+`.* log_level=debug`)
	reload(text+certificate(once, ""), logmsg.ConfigChanged)
	m.hears(`STATUS=2 bundles, all published; next renewal .*`)
	reload(`templte {`, logmsg.ReloadRefused+`.*templte`)

	// What another agent has is refused by the agent, not by its configuration's reader.
	w.Write("other.hcl", w.expand(strings.ReplaceAll(login+password(""), "DIR/password", "DIR/theirs")))
	other := launch(t, t.TempDir(), nil, "agent", "-config="+w.Path("other.hcl"))
	other.Says(logmsg.AllPublished)
	reload(text+strings.ReplaceAll(password(""), "DIR/password", "DIR/theirs"), logmsg.ReloadFailed+`.*theirs`)
	other.stop()
	reload(text, logmsg.ConfigChanged)

	p.Signal(syscall.SIGTERM)
	m.becomes(append(want, "STOPPING=1")...)
	p.Alive() // the child takes its time: what is told is the beginning
	p.Ends(0)
	p.leavesNothing()
	all := m.datagrams()
	if last := all[len(all)-1]; last != "STOPPING=1\nSTATUS=stopping" {
		t.Errorf("the last thing that systemd is told is %q", last)
	}
	if got := m.states(); !slices.Equal(got, append(want, "STOPPING=1")) {
		t.Errorf("systemd is told %q", got)
	}
}

// However many SIGHUPs come, each is followed by a whole reload that began after
// it: the one for which systemctl waits may be any of them.
func TestNotifySIGHUPsInARow(t *testing.T) {
	w := newWorld(t)
	m := newManager(t, w.Path("notify"))
	p := w.startEnv(m.env(), login+password(""))
	m.becomes("READY=1")
	var last time.Duration
	for range 20 {
		last = monotonic(t)
		p.Signal(syscall.SIGHUP)
	}
	harness.Eventually(t, "a reload that began after the last signal", func() bool {
		times := m.reloads()
		states := m.states()
		return len(times) > 0 && times[len(times)-1] >= last && states[len(states)-1] == "READY=1"
	})
	p.stop()
	states := m.states()
	for i, state := range states {
		want := "READY=1"
		switch {
		case i == len(states)-1:
			want = "STOPPING=1"
		case i%2 == 1:
			want = "RELOADING=1"
		}
		if state != want {
			t.Fatalf("datagram %d is %q, want %q: %q", i, state, want, states)
		}
	}
}

// Vault is sealed at the start: more time is asked for, and a SIGHUP is no reload
// as systemd understands it. READY=1 comes once.
func TestNotifyWhileVaultIsSealed(t *testing.T) {
	w := newWorld(t)
	w.Dev.Seal()
	m := newManager(t, w.Path("notify"))
	text := login + password("")
	p := w.startEnv(append(m.env(), "WATCHDOG_USEC=200000"), text)
	m.hears(`STATUS=waiting for Vault: 0 of 1 bundle published`)
	w.Write("agent.hcl", w.expand(text+`log_level = "debug"`))
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.Reloaded + `.* log_level=debug`)
	m.hears(`EXTEND_TIMEOUT_USEC=15000000`)
	if got := m.states(); len(got) > 0 || m.count(`WATCHDOG=1`) > 0 {
		t.Errorf("systemd is told %q before the start has ended", m.datagrams())
	}
	w.Dev.Unseal()
	m.becomes("READY=1")
	m.hears(`STATUS=1 bundle, published`)
	m.hears(`WATCHDOG=1`)
	if all := m.datagrams(); slices.Index(all, "WATCHDOG=1") < slices.Index(all, "READY=1") {
		t.Errorf("the watchdog is told before the start has ended: %q", all)
	}
	p.stop()
	m.becomes("READY=1", "STOPPING=1")
}

// What an operator has to heal is told as that.
func TestNotifyWhatAnOperatorHasToHeal(t *testing.T) {
	w := newWorld(t)
	w.Write("secretid", "11111111-2222-3333-4444-555555555555")
	m := newManager(t, w.Path("notify"))
	p := w.startEnv(m.env(), login+password(""))
	m.hears(`STATUS=cannot log in: 0 of 1 bundle published`)
	p.stop()
	m.becomes("STOPPING=1")
}

// What ends by itself says so, too.
func TestNotifyOneShot(t *testing.T) {
	w := newWorld(t)
	m := newManager(t, w.Path("notify"))
	p := w.startEnv(m.env(), login+password(""), "-exit-after-auth")
	p.Ends(0)
	m.becomes("READY=1", "STOPPING=1")
}

func TestWatchdog(t *testing.T) {
	for _, c := range []struct {
		name, env string
		want      bool
	}{
		{"for whoever reads it", "WATCHDOG_USEC=100000", true},
		{"for this process", "WATCHDOG_USEC=100000 WATCHDOG_PID=$$", true},
		{"for another process", "WATCHDOG_USEC=2000 WATCHDOG_PID=1", false},
		{"off", "", false},
		{"without a meaning", "WATCHDOG_USEC=soon", false},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			m := newManager(t, w.Path("notify"))
			w.Write("agent.hcl", w.expand(login+password("")))
			w.script("start", c.env+" exec certagent agent -config="+w.Path("agent.hcl")+"\n")
			p := launchProgram(t, w.Path(""), m.env(), w.Path("start"))
			m.becomes("READY=1")
			if c.want {
				harness.Eventually(t, "the watchdog is told again and again", func() bool { return m.count(`WATCHDOG=1`) >= 5 })
			} else { // there is time for many
				p.Signal(syscall.SIGHUP)
				m.becomes("READY=1", "RELOADING=1", "READY=1")
			}
			p.stop()
			if n := m.count(`WATCHDOG=1`); n > 0 && !c.want {
				t.Errorf("the watchdog was told %d times", n)
			}
			if strings.Contains(c.env, "soon") {
				p.Says(logmsg.WatchdogNotUsed + ` error="error converting WATCHDOG_USEC`)
			}
		})
	}
}

// Whoever cannot be told does not keep us from anything, and is complained about
// once.
func TestNotifySocket(t *testing.T) {
	for _, c := range []struct{ name, socket, complaint string }{
		{"none", "", ""},
		{"abstract", "@certagent-test-" + strconv.Itoa(os.Getpid()), ""},
		{"missing", "DIR/nowhere/notify", `no such file or directory`},
		{"not a socket", "DIR/roleid", `connection refused`},
		{"another kind", "vsock:2:1234", `no such file or directory`},
		{"too long", "DIR/" + strings.Repeat("x", 120), `invalid argument`},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			var m *manager
			if c.name == "abstract" {
				m = newManager(t, c.socket)
			}
			p := w.startEnv([]string{"NOTIFY_SOCKET=" + w.expand(c.socket), "WATCHDOG_USEC=100000"}, login+password(""))
			p.Says(logmsg.AllPublished)
			p.Signal(syscall.SIGHUP)
			p.Says(logmsg.Reloaded)
			if c.complaint != "" {
				p.Says(logmsg.NotifyFailed + `.*` + c.complaint)
			}
			p.stop()
			want := 0
			if c.complaint != "" {
				want = 1
			}
			if n := p.Count(logmsg.NotifyFailed); n != want {
				t.Errorf("%d complaints about systemd, want %d", n, want)
			}
			if m != nil {
				m.becomes("READY=1", "RELOADING=1", "READY=1", "STOPPING=1")
			}
		})
	}
}

// A socket that nobody reads from does not hold us up for ever.
func TestNotifySocketThatNobodyReads(t *testing.T) {
	path := t.TempDir() + "/notify"
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	send := notifySocket()
	for n := 0; err == nil; n++ {
		if err = send("STATUS=" + strings.Repeat("x", 1000)); n > 1_000_000 {
			t.Fatal("the socket takes everything")
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the socket is full: %v", err)
	}
}

// A SIGHUP that is the child's alone is a reload for systemd all the same.
func TestNotifySIGHUPOfTheChild(t *testing.T) {
	w := newWorld(t)
	m := newManager(t, w.Path("notify"))
	p := w.startEnv(m.env(), login+password("")+child("trap 'echo child reloads' HUP; echo child runs; while :; do sleep 0.05; done", `hup = "child"`))
	m.becomes("READY=1")
	p.Says(`child runs`)
	p.Signal(syscall.SIGHUP)
	p.Says(`child reloads`)
	m.becomes("READY=1", "RELOADING=1", "READY=1")
	p.stop()
	if p.Count(logmsg.Reloaded) > 0 {
		t.Error("certagent has read its configuration again")
	}
}

// A systemd that does not read its socket delays neither the start nor the end.
func TestSocketOfSystemdIsFull(t *testing.T) {
	w := newWorld(t)
	path := w.Path("notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	w.Check(err)
	defer conn.Close()
	sender, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	w.Check(err)
	defer sender.Close()
	for w.Check(sender.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))); err == nil; {
		_, err = sender.Write([]byte("STATUS=" + strings.Repeat("x", 1000)))
	}
	p := w.startEnv([]string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=1000000"}, login+password("")+
		child(`trap "echo child stops; exit 0" TERM; echo child runs; while :; do sleep 0.02; done`, ""))
	p.Says(`child runs`)
	p.Says(logmsg.NotifyFailed)
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.Reloaded)
	begun := time.Now()
	p.Signal(syscall.SIGTERM)
	p.Says(`child stops`)
	p.Ends(0)
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
}
