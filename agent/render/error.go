// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
)

// Error is an error in a template, with its place. It contains no secret.
type Error struct {
	Template string // the template's source, or its name if it is inline
	Line     int    // 0 if unknown
	Column   int    // 0 if unknown
	Text     string // the template's line
	Message  string
	Hint     string // what to do; may be ""
}

// Error returns the place and the message, without the text of the line and the hint.
func (e *Error) Error() string {
	place := e.Template
	if e.Line > 0 {
		place += ":" + strconv.Itoa(e.Line)
	}
	if e.Column > 0 {
		place += ":" + strconv.Itoa(e.Column)
	}
	return place + ": " + e.Message
}

// Errors are all errors in a template, in the order of its lines.
type Errors []*Error

// Error returns one line for each error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

// left and right return the delimiters.
func (in Input) left() string  { return cmp.Or(in.LeftDelim, "{{") }
func (in Input) right() string { return cmp.Or(in.RightDelim, "}}") }

// All returns all errors in templates that err wraps.
func All(err error) []*Error {
	switch e := err.(type) {
	case nil:
		return nil
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, wrapped := range e.Unwrap() {
			all = append(all, All(wrapped)...)
		}
		return all
	}
	return All(errors.Unwrap(err))
}

// errorAt returns an error at a line and column.
func (in Input) errorAt(line, column int, message string) *Error {
	e := &Error{Template: in.Source, Line: line, Column: column, Message: message}
	if e.Template == "" {
		e.Template = in.Name
	}
	if lines := strings.Split(in.Contents, "\n"); line > 0 && line <= len(lines) {
		e.Text = strings.TrimRight(lines[line-1], "\r")
	}
	return e
}

// errorAtPos returns an error at an offset in the contents.
func (in Input) errorAtPos(pos parse.Pos, format string, args ...any) *Error {
	before := in.Contents[:min(int(pos), len(in.Contents))]
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndex(before, "\n")
	return in.errorAt(line, column, fmt.Sprintf(format, args...))
}

// placed finds the place of an error of text/template, which only its text contains:
// "template: name:line: message" from the parser; with the column and the executed action
// from the execution. consul-template puts "execute: " or "parse: " before it.
var placed = regexp.MustCompile(`(?s)^(?:execute: |parse: )?template: .*?:(\d+)(?::(\d+))?: (?:executing ".*?" at <(.*?)>: )?(.*)$`)

// syntaxError returns the Error for an error of the parser, which knows no secrets.
func (in Input) syntaxError(err error) *Error {
	m := placed.FindStringSubmatch(err.Error())
	if m == nil {
		return in.errorAt(0, 0, err.Error())
	}
	line, _ := strconv.Atoi(m[1])
	e := in.errorAt(line, 0, m[4])
	if m[4] == "unexpected EOF" {
		e.Hint = fmt.Sprintf("a %[1]s with %[2]s, %[1]s if %[2]s, %[1]s range %[2]s, %[1]s define %[2]s or %[1]s block %[2]s has no %[1]s end %[2]s", in.left(), in.right())
	}
	return e
}

// failure returns the Error for the error of the execution, without secrets.
func (e *execution) failure() *Error {
	in, known := e.template.in, e.known()
	m := placed.FindStringSubmatch(e.err.Error())
	if m == nil {
		return in.errorAt(0, 0, hide(e.err.Error(), known, in.Contents))
	}
	line, _ := strconv.Atoi(m[1])
	column := 0
	if zeroBased, err := strconv.Atoi(m[2]); err == nil {
		column = zeroBased + 1
	}
	message := hide(m[4], known, in.Contents)
	if m[3] != "" {
		message = "executing <" + m[3] + ">: " + message
	}
	failure := in.errorAt(line, column, message)
	failure.Hint = e.hintFor(m[4], m[3])
	return failure
}

// stoppedError returns the Error for an execution that was stopped, at the place where it
// was.
func (in Input) stoppedError(err, reason error) *Error {
	line, column := 0, 0
	if m := placed.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		if zeroBased, err := strconv.Atoi(m[2]); err == nil {
			column = zeroBased + 1
		}
	}
	return in.errorAt(line, column, reason.Error())
}
