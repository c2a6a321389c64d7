// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// valve is a writer that stands still while it is shut, and fails while err is set.
type valve struct {
	mu      sync.Mutex
	opened  *sync.Cond
	shut    bool
	err     error
	partial int // how many bytes the next failed write takes
	out     bytes.Buffer
}

func newValve() *valve {
	v := new(valve)
	v.opened = sync.NewCond(&v.mu)
	return v
}

func (v *valve) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.shut {
		v.opened.Wait()
	}
	if v.err != nil {
		n, _ := v.out.Write(p[:min(v.partial, len(p))])
		v.partial = 0
		return n, v.err
	}
	return v.out.Write(p)
}

// set changes the writer.
func (v *valve) set(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
	v.opened.Broadcast()
}

func (v *valve) lines() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Split(strings.TrimSuffix(v.out.String(), "\n"), "\n")
}

// queueOn is a queue for 100 bytes in front of a valve. It belongs into a bubble.
func queueOn(t *testing.T, v *valve) *logQueue {
	q := newLogQueue(v, 100)
	q.tell = func(l loss) []byte { return fmt.Appendf(nil, "lost %d in %v\n", l.lines, l.stalled) }
	q.failed = func(err error) { fmt.Fprintf(q, "failed: %v\n", err) }
	q.start()
	t.Cleanup(func() {
		if !q.close(time.After(time.Hour)) {
			t.Error("the queue does not end")
		}
	})
	return q
}

// put writes the numbers as lines of ten bytes.
func put(q *logQueue, from, to int) {
	for n := from; n <= to; n++ {
		fmt.Fprintf(q, "line %04d\n", n)
	}
}

func numbers(from, to int) (lines []string) {
	for n := from; n <= to; n++ {
		lines = append(lines, fmt.Sprintf("line %04d", n))
	}
	return lines
}

// What finds no room while the writer stands still is counted, in its place.
func TestLogQueueCountsWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newValve()
		q := queueOn(t, v)
		put(q, 1, 3)
		synctest.Wait()
		v.shut = true
		put(q, 4, 30) // 4 is being written, and 5 to 13 wait
		synctest.Wait()
		time.Sleep(40 * time.Second)
		v.set(func() { v.shut = false })
		synctest.Wait()
		put(q, 31, 33)
		synctest.Wait()
		want := slices.Concat(numbers(1, 13), []string{"lost 17 in 40s"}, numbers(31, 33))
		if got := v.lines(); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

// A slow writer gets every line as long as the queue has room, in their order.
func TestLogQueueWithASlowWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newValve()
		q := queueOn(t, v)
		for n := 1; n <= 50; n += 5 {
			v.set(func() { v.shut = true })
			put(q, n, n+4)
			time.Sleep(time.Second)
			v.set(func() { v.shut = false })
			synctest.Wait()
		}
		if got := v.lines(); !slices.Equal(got, numbers(1, 50)) {
			t.Errorf("got %q", got)
		}
	})
}

// Lines that cannot be written are counted too, and the rest of one that was cut
// gets its own line. The first failure is reported.
func TestLogQueueWhoseWriterFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newValve()
		q := queueOn(t, v)
		put(q, 1, 1)
		synctest.Wait()
		v.set(func() { v.err, v.partial = errors.New("disk full"), 6 })
		put(q, 2, 2)
		synctest.Wait()
		put(q, 3, 4)
		time.Sleep(time.Minute)
		v.set(func() { v.err = nil })
		put(q, 5, 5)
		synctest.Wait()
		// 2 to 4, and the report of the failure.
		want := []string{"line 0001", "line 0", "lost 4 in 1m0s", "line 0005"}
		if got := v.lines(); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

// The end waits for what is in the queue, but not for ever.
func TestLogQueueEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newValve()
		q := queueOn(t, v)
		v.shut = true
		put(q, 1, 3)
		begun := time.Now()
		if q.close(time.After(time.Second)) || time.Since(begun) != time.Second {
			t.Error("the writer stands still, and the queue is said to be written")
		}
		put(q, 4, 4) // too late
		v.set(func() { v.shut = false })
		if !q.close(time.After(time.Second)) {
			t.Error("the queue does not end")
		}
		if got := v.lines(); !slices.Equal(got, numbers(1, 3)) {
			t.Errorf("got %q", got)
		}
	})
}

// reader is a pipe that takes what certagent prints, and is read only when the test
// says so.
type reader struct {
	*process
	w   *world
	out *os.File
}

// startUnread starts certagent with a pipe for standard error that nobody reads. The
// pipe holds one page, the queue of the log 16 KiB.
func (w *world) startUnread(text string, args ...string) *reader {
	w.Helper()
	w.Write("agent.hcl", w.expand(text))
	out, in, err := os.Pipe()
	w.Check(err)
	w.Cleanup(func() { out.Close() })
	w.Check(control(in, func(fd int) error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, 4096)
		return err
	}))
	cmd := exec.Command("certagent", append([]string{"agent", "-config=" + w.Path("agent.hcl")}, args...)...)
	cmd.Dir, cmd.Stderr, cmd.Stdout = w.Path(""), in, in
	cmd.Env = append(os.Environ(), "CERTAGENT_TEST_LOG_QUEUE=16384", "GORACE="+raceOptions, marker(w.Path("")))
	p := &process{w.T, harness.Start(w.T, cmd)}
	w.Check(in.Close())
	return &reader{p, w, out}
}

// read reads until a line matches, and returns the lines.
func (r *reader) read(lines *bufio.Scanner, pattern string) []string {
	r.Helper()
	expression, all := regexp.MustCompile(pattern), []string(nil)
	r.w.Check(r.out.SetReadDeadline(time.Now().Add(harness.Patience)))
	for lines.Scan() {
		if all = append(all, lines.Text()); expression.MatchString(lines.Text()) {
			return all
		}
	}
	r.Fatalf("the log ends, %v, without %s, after %d lines", lines.Err(), pattern, len(all))
	return nil
}

// chatty is a bundle that is renewed each second, three seconds before its end, with
// a command whose output fills a pipe.
const chatty = `
bundle "web" {
  directory           = "DIR/tls"
  max_issues_per_hour = 1000000
  certificate {
    role         = "pki/web"
    common_name  = "example.test"
    ttl          = "4s"
    renew_before = "3s"
    files        = { cert = "tls.crt", key = "tls.key" }
  }
  change_mode = "command"
  command     = ["seq", "1", "2000"]
}
`

// renews waits for more renewals, during which no expired certificate is on disk.
func (w *world) renews(more int) {
	w.Helper()
	last := ""
	harness.Eventually(w.T, "more renewals", func() bool {
		leaf := w.Leaf("tls/tls.crt")
		if leaf == nil || time.Now().After(leaf.NotAfter) {
			w.Fatalf("the certificate has expired: %v", leaf)
		}
		if serial := leaf.SerialNumber.String(); serial != last {
			last = serial
			more--
		}
		return more < 0
	})
}

// A reader of the log that stalls delays neither a renewal nor the log file. When
// it reads again, it gets what was kept, and the count of what was not, in their order.
func TestStalledLogReader(t *testing.T) {
	for _, format := range []string{"standard", "json"} {
		t.Run(format, func(t *testing.T) {
			w := newWorld(t)
			r := w.startUnread(login+chatty, "-log-format="+format, "-log-level=debug", "-log-file="+w.Path("agent.log"))
			lines := bufio.NewScanner(r.out)
			lines.Buffer(nil, 1<<20)
			all := r.read(lines, logmsg.AllPublished)
			w.renews(2) // whose output does not fit the pipe
			flood(r, 300)
			w.renews(2)
			all = append(all, r.read(lines, logmsg.LinesLost)...)
			w.renews(1)
			r.Signal(syscall.SIGTERM)
			all = append(all, r.read(lines, regexp.QuoteMeta(logmsg.Exiting)+`"?[,}]?$|"`+logmsg.Exiting+`"`)...)
			r.Ends(0)
			compareLogs(t, all, strings.Split(strings.TrimSuffix(w.Read("agent.log"), "\n"), "\n"))
		})
	}
}

// flood makes certagent log many lines.
func flood(r *reader, n int) {
	r.Helper()
	for i := range n {
		r.Signal(syscall.SIGUSR1)
		harness.Eventually(r, "the signal is logged", func() bool {
			return strings.Count(r.w.Read("agent.log"), logmsg.SignalIgnored) > i
		})
	}
}

// compareLogs fails the test unless the lines of one log are those of a complete one
// in their order, with as many left out as it says.
func compareLogs(t *testing.T, got, complete []string) {
	t.Helper()
	counts := regexp.MustCompile(logkey.Lines + `"?[=:](\d+)`)
	at := 0
	told := false
	for _, line := range got {
		if strings.Contains(line, logmsg.LinesLost) {
			told = true
			n, err := strconv.Atoi(counts.FindStringSubmatch(line)[1])
			if err != nil {
				t.Fatal(err)
			}
			at += n
			continue
		}
		if at >= len(complete) || complete[at] != line {
			t.Fatalf("line %d of the log file is\n%s\nand the reader got\n%s", at+1, complete[min(at, len(complete)-1)], line)
		}
		at++
	}
	if at != len(complete) || !told {
		t.Errorf("the reader got, or is told of, %d of %d lines", at, len(complete))
	}
}

// SIGTERM ends certagent and its child while nobody reads the log, within a few
// seconds.
func TestSIGTERMWhileTheLogReaderStalls(t *testing.T) {
	w := newWorld(t)
	r := w.startUnread(login + chatty + child(`trap "echo stopped >> DIR/stopped; exit 0" TERM; echo >> DIR/started; while :; do sleep 0.02; done`, ""))
	harness.Eventually(t, "the child runs", func() bool { return w.Read("started") != "" })
	w.renews(2) // whose output does not fit the pipe
	begun := time.Now()
	r.Signal(syscall.SIGTERM)
	r.Ends(0)
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
	if w.Read("stopped") == "" {
		t.Error("the child did not get its stop signal")
	}
	r.leavesNothing()
}

// What is logged right before the end is written, also if the log's reader is slow.
func TestLastLineOfTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		code       int
	}{
		"a start that fails": {login + password("") + `pid_file = "DIR/nowhere/agent.pid"`, "certagent: hint: check pid_file", 3},
		"a child that ends":  {login + password("") + child("exit 7", ""), logmsg.ExitingWithChild + ` code=7`, 7},
		"a one-shot run":     {login + password("") + "exit_after_auth = true", logmsg.Finished, 0},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			r := w.startUnread(c.text, "-log-level=trace")
			lines := bufio.NewScanner(r.out)
			var all []string
			for lines.Scan() {
				time.Sleep(5 * time.Millisecond)
				all = append(all, lines.Text())
			}
			if len(all) == 0 || !strings.Contains(all[len(all)-1], c.want) {
				t.Errorf("the log ends with %q", all)
			}
			r.Ends(c.code)
		})
	}
}

// A child that shares the pipe and makes it non-blocking, as Node.js does, costs no
// line.
func TestPipeThatIsMadeNonBlocking(t *testing.T) {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	fd := int(in.Fd()) // makes it blocking, as standard error is
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	const lines = 5000
	written := make(chan error, 1)
	go func() {
		defer in.Close()
		for n := range lines {
			if _, err := fmt.Fprintf(steady{in}, "a line of some length, number %d\n", n); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	read := bufio.NewScanner(out)
	for n := range lines {
		if n%1000 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if !read.Scan() || !strings.HasSuffix(read.Text(), fmt.Sprintf(" %d", n)) {
			t.Fatalf("line %d is %q", n, read.Text())
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// A log file on a full disk is told of on standard error, and tells how much it
// lacks when there is room again.
func TestLogFileOnAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	dir := harness.NewDir(t)
	file, err := openLogFile(dir.Path("agent.log"), 0, 0, 0, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	good := file.file
	file.file = full
	l := newLogs(config.Log{Level: "info", Format: "json"}, in, file)
	l.Info(logmsg.Starting)
	read := json.NewDecoder(out)
	var lines []map[string]any
	for range 2 {
		line := map[string]any{}
		if err := read.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if lines[1]["@message"] != logmsg.LogNotWritten || lines[1][logkey.Writer] != dir.Path("agent.log") || !strings.Contains(fmt.Sprint(lines[1][logkey.Error]), "no space left") {
		t.Errorf("standard error says %v", lines[1])
	}
	harness.Eventually(t, "the report is lost too", func() bool {
		q := l.queues[1]
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.size == 0
	})
	file.file = good // the queue is idle
	l.Info(logmsg.Published)
	l.close()
	if text := dir.Read("agent.log"); !strings.Contains(text, `"`+logkey.Lines+`":2`) || !strings.Contains(text, logmsg.Published) {
		t.Errorf("the log file holds %s", text)
	}
	in.Close()
}
