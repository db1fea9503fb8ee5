"""Which family an agent belongs to: the one place where its kind is looked at.

`act` lets an agent do what it does when it is its turn, and returns when it wakes next (flows: anything, their clock tells); `intensity_of` is how often a flow acts,
per second, in the book as it is now; `heed` is what an agent does who is told that the book is one-sided; `recall` what one does who has reminded itself; `let_notice` lets those flows that want to
see at once what has happened.
"""

from __future__ import annotations

from lobsim.core.agents.auction_traders import act_auction_trader
from lobsim.core.agents.avellaneda_stoikov import act_avellaneda_stoikov
from lobsim.core.agents.cheridito_weiss import act_cheridito_weiss, cheridito_weiss_rate
from lobsim.core.agents.chiarella import act_chiarella
from lobsim.core.agents.cont_stoikov_talreja import act_cont_stoikov_talreja, cont_stoikov_talreja_rate
from lobsim.core.agents.efficient_price import act_efficient_price, learn_from_trades, own_clock
from lobsim.core.agents.execution import act_execution
from lobsim.core.agents.fcn import act_fcn
from lobsim.core.agents.fundamental import act_fundamental
from lobsim.core.agents.hawkes import act_hawkes, hawkes_rate
from lobsim.core.agents.liquidity_response import act_liquidity_response, liquidity_response_rate
from lobsim.core.agents.market_maker import act_market_maker, heed_imbalance
from lobsim.core.agents.metaorder_takers import act_metaorder_takers
from lobsim.core.agents.momentum import act_momentum
from lobsim.core.agents.noise import act_noise
from lobsim.core.agents.price_history import act_price_history
from lobsim.core.agents.queue_reactive import act_queue_reactive, queue_reactive_rate
from lobsim.core.agents.quoters import act_quoters, follow_trades, look_at_book, remind_quoters
from lobsim.core.agents.scheduled import act_scheduled
from lobsim.core.agents.split_orders import act_split_orders, split_orders_rate
from lobsim.core.agents.strategic import act_strategic
from lobsim.core.agents.value import act_value
from lobsim.core.agents.zero_intelligence import act_zero_intelligence, zero_intelligence_rate
from lobsim.core.agents.zero_profit import act_zero_profit, zero_profit_rate
from lobsim.core.jit import kernel
from lobsim.types import NEVER, AgentKind


@kernel
def intensity_of(scene, index):
    """Events per second of a flow."""
    kind = scene.crowd.agents[index]["kind"]
    if kind == AgentKind.ZERO_INTELLIGENCE:
        return zero_intelligence_rate(scene, index)
    if kind == AgentKind.CONT_STOIKOV_TALREJA:
        return cont_stoikov_talreja_rate(scene, index)
    if kind == AgentKind.CHERIDITO_WEISS:
        return cheridito_weiss_rate(scene, index)
    if kind == AgentKind.QUEUE_REACTIVE:
        return queue_reactive_rate(scene, index)
    if kind == AgentKind.HAWKES:
        return hawkes_rate(scene, index)
    if kind == AgentKind.SPLIT_ORDERS:
        return split_orders_rate(scene, index)
    if kind == AgentKind.ZERO_PROFIT:
        return zero_profit_rate(scene, index)
    if kind == AgentKind.LIQUIDITY_RESPONSE:
        return liquidity_response_rate(scene, index)
    if AgentKind.EFFICIENT_PRICE <= kind <= AgentKind.QUOTERS:
        return own_clock(scene, index)
    return 0.0


@kernel
def act(scene, index):
    """An agent's turn.  Returns when it wants the next one, NEVER for a flow."""
    kind = scene.crowd.agents[index]["kind"]
    if kind == AgentKind.ZERO_INTELLIGENCE:
        act_zero_intelligence(scene, index)
    elif kind == AgentKind.CONT_STOIKOV_TALREJA:
        act_cont_stoikov_talreja(scene, index)
    elif kind == AgentKind.CHERIDITO_WEISS:
        act_cheridito_weiss(scene, index)
    elif kind == AgentKind.QUEUE_REACTIVE:
        act_queue_reactive(scene, index)
    elif kind == AgentKind.HAWKES:
        act_hawkes(scene, index)
    elif kind == AgentKind.SPLIT_ORDERS:
        act_split_orders(scene, index)
    elif kind == AgentKind.ZERO_PROFIT:
        act_zero_profit(scene, index)
    elif kind == AgentKind.STRATEGIC:
        return act_strategic(scene, index)
    elif kind == AgentKind.SCHEDULED:
        return act_scheduled(scene, index)
    elif kind == AgentKind.LIQUIDITY_RESPONSE:
        act_liquidity_response(scene, index)
    elif kind == AgentKind.EFFICIENT_PRICE:
        act_efficient_price(scene, index)
    elif kind == AgentKind.METAORDER_TAKERS:
        act_metaorder_takers(scene, index)
    elif kind == AgentKind.QUOTERS:
        act_quoters(scene, index)
    elif kind >= AgentKind.FUNDAMENTAL:
        return _act_by_time(scene, index, kind)
    return NEVER


@kernel
def _act_by_time(scene, index, kind):
    """The turn of an agent that wakes by time."""
    if kind == AgentKind.NOISE:
        return act_noise(scene, index)
    if kind == AgentKind.VALUE:
        return act_value(scene, index)
    if kind == AgentKind.MOMENTUM:
        return act_momentum(scene, index)
    if kind == AgentKind.MARKET_MAKER:
        return act_market_maker(scene, index)
    if kind == AgentKind.EXECUTION:
        return act_execution(scene, index)
    if kind == AgentKind.AVELLANEDA_STOIKOV:
        return act_avellaneda_stoikov(scene, index)
    if kind == AgentKind.FUNDAMENTAL:
        return act_fundamental(scene, index)
    return _act_by_model(scene, index, kind)


@kernel
def _act_by_model(scene, index, kind):
    """The turn of an agent of a model that prices are studied with."""
    if kind >= AgentKind.ZIC:
        return act_auction_trader(scene, index)
    if kind == AgentKind.FCN:
        return act_fcn(scene, index)
    if kind == AgentKind.CHIARELLA:
        return act_chiarella(scene, index)
    if kind == AgentKind.PRICE_HISTORY:
        return act_price_history(scene, index)
    return NEVER


@kernel
def heed(scene, index):
    """An agent's turn because the book is one-sided."""
    if scene.crowd.agents[index]["kind"] == AgentKind.MARKET_MAKER:
        heed_imbalance(scene, index)


@kernel
def recall(scene, index, step, side, slot, serial):
    """An agent does what it reminded itself of."""
    if scene.crowd.agents[index]["kind"] == AgentKind.QUOTERS:
        remind_quoters(scene, index, step, side, slot, serial)


@kernel
def _notice(scene, index):
    """Something has happened: a flow sees it at once."""
    kind = scene.crowd.agents[index]["kind"]
    if kind == AgentKind.EFFICIENT_PRICE:
        learn_from_trades(scene, index)
    elif kind == AgentKind.QUOTERS:
        follow_trades(scene, index)
        look_at_book(scene, index)


@kernel
def let_notice(scene):
    """Flows see what has just happened."""
    for index in range(scene.crowd.head[0]["flows"]):
        _notice(scene, index)
