// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"net/http"
	"sync"
)

// keptRequests limits how many requests the log keeps. All are counted.
const keptRequests = 1 << 16

// Request is an answered request.
type Request struct {
	Method string // as sent, so GET for a list asked with ?list=true
	Path   string // without the query, such as "/v1/pki/issue/web"
	Status int
}

// requestLog remembers the latest requests and counts all of them.
type requestLog struct {
	mu    sync.Mutex
	count uint64
	ring  []Request
}

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < keptRequests {
		l.ring = append(l.ring, r)
	} else {
		l.ring[l.count%keptRequests] = r
	}
	l.count++
}

// Requests returns the latest 65,536 requests answered since the start or the
// last ResetRequests, in the order in which the answers ended. They include
// those that Intercept handled.
func (s *Server) Requests() []Request {
	l := &s.requests
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < keptRequests {
		return append([]Request(nil), l.ring...)
	}
	oldest := l.count % keptRequests
	return append(append([]Request(nil), l.ring[oldest:]...), l.ring[:oldest]...)
}

// RequestCount returns how many requests were answered since the start or the
// last ResetRequests. It is not limited.
func (s *Server) RequestCount() uint64 {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	return s.requests.count
}

// ResetRequests clears the log and the count.
func (s *Server) ResetRequests() {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	s.requests.count, s.requests.ring = 0, nil
}

// Intercept is called with each request before the server handles it. It returns
// true if it has answered the request, false if it has written nothing.
type Intercept func(w http.ResponseWriter, r *http.Request) (handled bool)

// Intercept installs a function that may answer instead of the server, for tests
// with a server that fails, stalls or sends wrong answers. Nil removes it.
func (s *Server) Intercept(f Intercept) {
	if f == nil {
		s.intercept.Store(nil)
		return
	}
	s.intercept.Store(&f)
}

// statusWriter records the status of the answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap returns the underlying writer, for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
