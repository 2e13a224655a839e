threads_count = Integer(ENV.fetch("RAILS_MAX_THREADS", 3))
threads threads_count, threads_count

# Every address of the task: on 127.0.0.1 the load balancer would reach nothing.
bind "tcp://0.0.0.0:#{ENV.fetch("PORT", 3000)}"
