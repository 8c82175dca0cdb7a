OPENQASM 3.0;
/* where does it end?
// expect: endless_comment.qasm:2:1: this comment is never closed; end it with a star and a slash
