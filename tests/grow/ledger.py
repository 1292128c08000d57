"""An app with tables, settings and background tasks: what calls for each part."""

LEDGER = '''\
"""Accounts and their bookings."""

import os
from typing import Annotated

from celery import Celery
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import ForeignKey, Index, String, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

DATABASE_URL = os.getenv("DATABASE_URL", "sqlite:///ledger.db")
BROKER_URL = os.getenv("BROKER_URL", "memory://")
API_TOKEN = os.environ.get("API_TOKEN")


class Base(DeclarativeBase):
    pass


class Account(Base):
    """Who has money."""

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(80), unique=True)
    note: Mapped[str | None]


class Booking(Base):
    """Money that came or went."""

    __tablename__ = "bookings"
    __table_args__ = (Index("bookings_of_account", "account_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    cents: Mapped[int] = mapped_column(server_default="0")


engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)
Base.metadata.create_all(engine)
celery = Celery("ledger", broker=BROKER_URL)


class AccountIn(BaseModel):
    """A new account."""

    owner: str
    note: str | None = None


class AccountOut(AccountIn):
    """An account with its number."""

    id: int
    balance: int = 0


class BookingIn(BaseModel):
    """A new booking."""

    account_id: int
    cents: int


class BookingOut(BookingIn):
    """A booking with its number."""

    id: int


def get_session():
    with SessionLocal() as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]


def balance_of(session: Session, account_id: int) -> int:
    total = select(func.sum(Booking.cents)).where(Booking.account_id == account_id)
    return session.scalar(total) or 0


def find_account(session: Session, account_id: int) -> Account:
    account = session.get(Account, account_id)
    if account is None:
        raise HTTPException(404, f"no account {account_id}")
    return account


def shown(session: Session, account: Account) -> AccountOut:
    balance = balance_of(session, account.id)
    return AccountOut(id=account.id, owner=account.owner, note=account.note, balance=balance)


@celery.task
def recount(account_id: int) -> int:
    with SessionLocal() as session:
        return balance_of(session, account_id)


app = FastAPI(title="Ledger")


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/accounts")
def create_account(account: AccountIn, session: SessionDep) -> AccountOut:
    row = Account(owner=account.owner, note=account.note)
    session.add(row)
    session.commit()
    return shown(session, row)


@app.get("/accounts")
def read_accounts(session: SessionDep) -> list[AccountOut]:
    return [shown(session, row) for row in session.scalars(select(Account))]


@app.get("/accounts/{account_id}")
def read_account(account_id: int, session: SessionDep) -> AccountOut:
    return shown(session, find_account(session, account_id))


@app.post("/bookings")
def create_booking(booking: BookingIn, session: SessionDep) -> BookingOut:
    find_account(session, booking.account_id)
    row = Booking(account_id=booking.account_id, cents=booking.cents)
    session.add(row)
    session.commit()
    return BookingOut(id=row.id, account_id=row.account_id, cents=row.cents)


@app.get("/bookings")
def read_bookings(session: SessionDep, account_id: int) -> list[BookingOut]:
    found = select(Booking).where(Booking.account_id == account_id)
    rows = session.scalars(found.order_by(Booking.id))
    return [BookingOut(id=row.id, account_id=row.account_id, cents=row.cents) for row in rows]
'''
