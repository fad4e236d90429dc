#include "net/channel.hpp"

#include <cerrno>

#include <linux/netlink.h>
#include <netlink/errno.h>
#include <sys/socket.h>

namespace proxip::net {

namespace {

constexpr int dump_tries = 10;

struct Exchange {
    const Channel::Each& each;
    bool done = false;
    bool interrupted = false;
    int error = 0;
};

int on_message(nl_msg* message, void* argument) {
    static_cast<Exchange*>(argument)->each(*nlmsg_hdr(message));
    return NL_OK;
}

int on_end(nl_msg*, void* argument) {
    static_cast<Exchange*>(argument)->done = true;
    return NL_STOP;
}

int on_interrupted(nl_msg*, void* argument) {
    static_cast<Exchange*>(argument)->interrupted = true;
    return NL_OK;
}

int on_error(sockaddr_nl*, nlmsgerr* answer, void* argument) {
    auto& exchange = *static_cast<Exchange*>(argument);
    exchange.error = -answer->error;
    exchange.done = true;
    return NL_STOP;
}

struct FreeCallbacks {
    void operator()(nl_cb* callbacks) const { nl_cb_put(callbacks); }
};
using Callbacks = std::unique_ptr<nl_cb, FreeCallbacks>;

Callbacks callbacks_for(Exchange& exchange) {
    Callbacks callbacks(nl_cb_alloc(NL_CB_DEFAULT));
    if (callbacks) {
        nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_message, &exchange);
        nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &exchange);
        nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &exchange);
        nl_cb_set(callbacks.get(), NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, &exchange);
        nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &exchange);
    }
    return callbacks;
}

Result<Socket> connected_socket() {
    Socket socket(nl_socket_alloc());
    if (!socket) {
        return fail_errno("netlink socket", ENOMEM);
    }
    if (const int error = nl_connect(socket.get(), NETLINK_ROUTE); error < 0) {
        return fail(ErrorCode::failed, std::string("netlink socket: ") + nl_geterror(error));
    }
    // The kernel then filters a dump by what the request names. One that cannot sends all; the readers filter, too.
    const int on = 1;
    static_cast<void>(
        ::setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)));
    return socket;
}

} // namespace

Result<Channel> Channel::open() {
    auto socket = connected_socket();
    if (!socket) {
        return std::unexpected(std::move(socket.error()));
    }
    return Channel(std::move(*socket));
}

int Channel::ask(nl_msg& message, const Each& each, const std::function<void()>& restart) {
    int error = 0;
    for (int tries = 0; tries < dump_tries; ++tries) {
        if (restart) {
            restart();
        }
        bool interrupted = false;
        error = ask_once(message, each, interrupted);
        if (error != 0 || !interrupted) {
            return error;
        }
        nlmsg_hdr(&message)->nlmsg_seq = NL_AUTO_SEQ;
    }
    return EAGAIN;
}

int Channel::ask_once(nl_msg& message, const Each& each, bool& interrupted) {
    Exchange exchange{.each = each};
    const Callbacks callbacks = callbacks_for(exchange);
    if (!callbacks) {
        return ENOMEM;
    }
    if (nl_send_auto(socket_.get(), &message) < 0) {
        return EIO;
    }
    while (!exchange.done) {
        if (const int error = nl_recvmsgs(socket_.get(), callbacks.get()); error < 0 && !exchange.done) {
            // What is still on its way would answer the next question: a new socket has none of it.
            if (auto fresh = connected_socket()) {
                socket_ = std::move(*fresh);
            }
            return error == -NLE_NOMEM ? ENOBUFS : EIO;
        }
    }
    interrupted = exchange.interrupted;
    return exchange.error;
}

} // namespace proxip::net
