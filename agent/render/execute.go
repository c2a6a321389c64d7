// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"context"
	"errors"
	"fmt"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// Source supplies what is not in the template. Only the goroutine that called Execute
// calls it.
type Source interface {
	// Secret returns the answer to a request, and false if there is none yet. The
	// answer may be nil: some writes return nothing. Answers are not changed.
	Secret(vaultreq.Request) (*api.Secret, bool)

	// File returns a file's content.
	File(path string) (string, error)

	// Plugin runs a program and returns its output, which the error must not contain.
	// consul-template gives a plugin 30 seconds.
	Plugin(name string, args []string) (string, error)
}

// Result is the result of an execution. Used, Missing and Inputs are set even if the
// execution failed, so that a caller knows what to wait for.
type Result struct {
	Output  redact.Bytes       // nil if an answer is missing
	Written []Written          // the calls of writeToFile; nil if an answer is missing
	Used    []vaultreq.Request // all requests, in order of first use
	Missing []vaultreq.Request // those of Used without an answer
	Inputs  []string           // the files that were read, in order of first use
}

// Execute renders the template. Its error is of type [*Error].
//
// If an answer is missing there is neither an output nor an error, because the execution
// may only have failed for lack of the answer.
//
// The execution ends with an error if its output, or a value that it computes, becomes
// larger than 16 MiB, if it takes longer than 10 seconds, without those that the source
// takes, or if ctx ends. A call of a function that cannot be stopped is left behind: it
// ends on its own, without effects, and until then the template is not executed again.
func (t *Template) Execute(ctx context.Context, source Source) (Result, error) {
	if left := t.left.Load(); left != nil && !left.ended() {
		return Result{}, t.in.errorAt(0, 0, fmt.Sprintf("not executed: a function of an execution that took longer than %v is still running", t.limits.time))
	}
	e := newExecution(t, source)
	go func() { // await waits for its end, for a while
		defer close(e.done)
		defer func() {
			if p := recover(); p != nil { // text/template passes on what it does not expect
				e.output, e.err = nil, fmt.Errorf("unexpected failure: %v", p)
			}
		}()
		e.output, e.err = e.run()
	}()
	stuck := e.await(ctx)
	result := Result{Used: e.used, Missing: e.missing, Inputs: e.inputs}
	switch {
	case stuck:
		t.left.Store(e)
		return result, t.in.errorAt(0, 0, e.reason.Error()+", and cannot be stopped: it takes up to one CPU until it ends")
	case e.reason != nil && e.err != nil:
		return result, t.in.stoppedError(e.err, e.reason)
	case e.limit != nil && e.err != nil: // whatever is missing
		return result, t.in.stoppedError(e.err, e.limit)
	case len(e.missing) > 0:
		return result, nil
	case e.err != nil:
		return result, e.failure()
	}
	if err := e.holes(); err != nil {
		return result, err
	}
	result.Output, result.Written = e.output, e.written
	return result, nil
}

// await calls the source for the execution until that has ended, its time is up, or ctx
// ends. It reports whether the execution has not ended even then.
func (e *execution) await(ctx context.Context) (stuck bool) {
	left := e.template.limits.time
	for {
		began := time.Now()
		timer := time.NewTimer(left)
		select {
		case <-e.done:
			timer.Stop()
			return false
		case f := <-e.calls:
			timer.Stop()
			left -= time.Since(began)
			f()
		case <-timer.C:
			return e.stop(fmt.Errorf("rendering takes longer than %v", e.template.limits.time))
		case <-ctx.Done():
			timer.Stop()
			return e.stop(errors.New("rendering was stopped"))
		}
	}
}

// stop ends the execution as soon as it calls a function, writes, or begins the next
// round of a range. It reports whether it has not ended after a while.
func (e *execution) stop(reason error) (stuck bool) {
	e.reason = reason
	close(e.stopped)
	timer := time.NewTimer(e.template.limits.patience)
	defer timer.Stop()
	select {
	case <-e.done:
		return false
	case <-timer.C:
		return true
	}
}

// run executes the template with text/template.
func (e *execution) run() ([]byte, error) {
	t := e.template
	trees := map[string]*parse.Tree{}
	root := parse.New("")
	root.Mode = parse.SkipFuncCheck
	if _, err := root.Parse(t.in.Contents, t.in.LeftDelim, t.in.RightDelim, trees); err != nil {
		return nil, err
	}
	e.tmpl = template.New("").Funcs(e.functions()).Option(t.missingKey())
	for name, tree := range trees {
		e.printed = instrument(tree, e.printed)
		if _, err := e.tmpl.AddParseTree(name, tree); err != nil {
			return nil, err
		}
	}
	defer e.library.close()
	output := limitedBuffer{execution: e}
	if err := e.tmpl.Execute(&output, nil); err != nil {
		return nil, err
	}
	return output.content, nil
}

// missingKey returns the option that consul-template sets.
func (t *Template) missingKey() string {
	if t.in.ErrorOnMissingKey {
		return "missingkey=error"
	}
	return "missingkey=zero"
}

// denied replaces a function on the denylist, as in consul-template.
func denied(...any) (string, error) { return "", errors.New("function is disabled") }
