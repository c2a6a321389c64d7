// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"net/http"
	"sync"
)

// keptRequests bounds the log's memory; counting goes on beyond it.
const keptRequests = 1 << 16

// Request is one request that was answered.
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

// Requests returns what was answered since the start or the last
// ResetRequests, in the order in which the answers ended; the latest 65,536 of
// them. Requests that Intercept handled are among them.
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
// last ResetRequests, however many that is.
func (s *Server) RequestCount() uint64 {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	return s.requests.count
}

// ResetRequests forgets the requests so far.
func (s *Server) ResetRequests() {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	s.requests.count, s.requests.ring = 0, nil
}

// Intercept sees each request before the server does. If it returns true it has
// answered; if false it has written nothing.
type Intercept func(w http.ResponseWriter, r *http.Request) (handled bool)

// Intercept installs a function that may answer in the server's place, for
// tests of a server that fails, stalls or lies. Nil removes it.
func (s *Server) Intercept(f Intercept) {
	if f == nil {
		s.intercept.Store(nil)
		return
	}
	s.intercept.Store(&f)
}

// statusWriter notes the status that was sent.
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

// Unwrap lets http.ResponseController reach what is below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
