package main

const help = `csvsync keeps the contacts of a Splio universe in step with a file of CSV or JSON:
each run sends what changed since the last run that was delivered, and nothing else.

  csvsync -segment segment.csv -mapping mapping.json -universe acme -subsequence crm \
          -state /var/lib/csvsync -to sftp://acme@sftp.splio.com/imports -password-file /etc/csvsync/password

What it rejects is repaired by hand and fed back, without waiting for the next segment:

  csvsync ... -segment segment.csv -rejects rejects.csv
  mv rejects.csv repaired.csv     (correct the values; the last three columns say what is wrong)
  csvsync ... -segment repaired.csv -partial -rejects rejects.csv

A run over a segment that is empty, or has shrunk or changed beyond reason, is braked:
it makes a plan, sends nothing, and ends with status 3. When the segment is right all the
same, send the plan:

  csvsync ... -release "new brand bought" -apply

Before the first run, -check looks whether mapping, host key, login and directory are right:

  csvsync ... -segment segment.csv -check

What another tool has sent is taken for delivered, and -view shows what a run would do:

  csvsync ... -segment last.csv -adopt
  csvsync ... -segment today.csv -dry-run -view plan.html

`

const helpStatus = `Exit status:

  0  delivered, or there was nothing to send; rejected rows do not fail a run
  1  the run failed and nothing was forgotten: a segment that is missing or can
     not be read, the drop directory, the network, what the server said of its
     host key or the login, a damaged state, another run at work, a signal
  2  csvsync was called wrongly, and nothing was read or sent: flags, the
     mapping, a mapping and a segment (or a state) that do not fit together
  3  the plan was braked, and nothing of it was sent: the messages say why, and
     give the commands to go on with
`
