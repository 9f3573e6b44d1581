"""Under which names companies keep what the contracts ask for, in English, German and Chinese, without signs or blanks."""

import re

CUSTOMER = (
    "customerid customer customerno customernumber customercode customerkey custid custno custcode clientid clientno "
    "client accountid accountno accountnumber householdid memberid userid buyerid cardid "
    "kundennummer kundennr kundenid kunde debitor debitorennummer "
    "客户编号 客户号 客户id 客户代码 客户编码 客户 会员编号 会员号 会员id 用户编号 用户id 顾客编号 买家id"
)
AMOUNT = (
    "amount totalamount netamount lineamount linetotal total totalprice salesvalue sales saleamount salesamount revenue "
    "turnover value dollarvalue price paid spend betrag gesamtbetrag nettobetrag umsatz summe 金额 总金额 订单金额 销售额 销售金额 交易金额 成交金额 实付金额 含税金额 合计"
)
QUANTITY = "quantity qty units pieces count numberofitems menge anzahl stückzahl 数量 购买数量 销售数量 件数"
UNIT_PRICE = "unitprice priceperunit itemprice price priceeach einzelpreis stückpreis preis 单价 销售单价"
PRODUCT = "productid product productno productcode sku itemid itemno stockcode articleno artikelnummer artikelnr artikel 产品编号 商品编号 产品id 商品id 货号 物料编码"
CATEGORY = "category productcategory department productgroup 类别 品类 产品类别 商品类别 分类"
REGION = "region area state province country city 地区 区域 省份 城市"
INDUSTRY = "industry sector branch 行业 所属行业"
GENERIC_DATE = "date day datetime timestamp time transactiondate datum 日期 时间 交易日期 交易时间"
PROMISED = (
    "promisedat promiseddate promisedelivery duedelivery requesteddate requireddate 承诺交期 承诺交货日期 要求交货日期"
)
DELIVERED = "deliveredat delivereddate deliverydate shippeddate actualdelivery 交货日期 实际交货日期 送达日期 发货日期"

SYNONYMS: dict[str, dict[str, str]] = {
    "orders": {
        "customer_id": CUSTOMER,
        "ordered_at": "orderedat orderdate ordertime orderdatetime invoicedate purchasedate purchasedat saledate salesdate "
        "transactiontimestamp bookingdate bestelldatum auftragsdatum kaufdatum 下单日期 下单时间 订单日期 订单时间 购买日期 购买时间 销售日期 成交日期 "
        + GENERIC_DATE,
        "amount": AMOUNT,
        "order_id": "orderid orderno ordernumber invoiceno invoiceid basketid transactionid receiptno auftragsnummer bestellnummer "
        "订单编号 订单号 单号 交易号 小票号",
        "margin": "margin grossmargin profit grossprofit contribution 毛利 毛利额 利润",
        "product_id": PRODUCT,
        "category": CATEGORY,
        "channel": "channel saleschannel 渠道 销售渠道",
        "quantity": QUANTITY,
        "discount": "discount discountamount rebate 折扣 折扣金额 优惠金额",
        "promised_at": PROMISED,
        "delivered_at": DELIVERED,
    },
    "customers": {
        "customer_id": CUSTOMER + " id",
        "name": "name customername company companyname clientname accountname 名称 客户名称 客户姓名 公司名称 姓名",
        "acquired_at": "acquiredat createdat created customersince since signupdate registrationdate joindate firstorder "
        "建立日期 注册日期 注册时间 创建日期 开户日期",
        "region": REGION,
        "industry": INDUSTRY,
        "size": "size companysize employees 规模 企业规模",
        "ownership": "ownership legalform 所有制 企业性质",
        "account_manager": "accountmanager salesrep salesperson owner keyaccountmanager 客户经理 业务员 销售员 负责人",
        "credit_limit": "creditlimit creditline 信用额度 授信额度",
        "status": "status customerstatus 状态 客户状态",
        "tier": "tier customertier grade class customerclass abcclass level 等级 客户等级 级别",
        "valid_from": "validfrom effectivefrom 生效日期 生效时间",
        "valid_to": "validto effectiveto validuntil 失效日期 失效时间",
    },
    "invoices": {
        "invoice_id": "invoiceid invoiceno invoicenumber billid billno documentno rechnungsnummer rechnungsnr 发票编号 发票号 发票号码 账单号",
        "customer_id": CUSTOMER,
        "issued_at": "issuedat issuedate invoicedate billdate billingdate documentdate rechnungsdatum 开票日期 发票日期 开具日期 "
        + GENERIC_DATE,
        "due_at": "dueat duedate paymentdue maturity maturitydate fälligkeit fälligkeitsdatum fälligam 到期日 到期日期 应付日期 应收日期",
        "amount": "invoiceamount amountdue billedamount rechnungsbetrag 发票金额 应收金额 " + AMOUNT,
        "disputed": "disputed dispute isdisputed 争议 是否有争议 有争议",
        "settled_at": "settledat settleddate settlementdate paidat paiddate paymentdate cleareddate clearingdate bezahltam ausgleichsdatum "
        "结清日期 付款日期 回款日期 收款日期 核销日期",
    },
    "payments": {
        "customer_id": CUSTOMER,
        "paid_at": "paidat paiddate paymentdate receiptdate receivedat receiveddate valuedate zahlungsdatum 收款日期 付款日期 到账日期 回款日期 "
        + GENERIC_DATE,
        "amount": "paymentamount paidamount amountpaid receivedamount 收款金额 付款金额 回款金额 " + AMOUNT,
        "invoice_id": "invoiceid invoiceno invoicenumber billno rechnungsnummer 发票编号 发票号 发票号码 账单号",
        "kind": "paymentkind transactiontype transactionkind postingtype entrytype documenttype doctype buchungsart belegart "
        "款项类型 收款类型 交易类型 业务类型 单据类型",
    },
    "interactions": {
        "customer_id": CUSTOMER,
        "at": "at contactdate contactedat createdat openedat calldate visitdate complaintdate 联系日期 互动日期 投诉日期 拜访日期 发生时间 "
        + GENERIC_DATE,
        "kind": "kind type contacttype interactiontype tickettype eventtype 类型 互动类型 联系类型 工单类型",
        "score": "score rating surveyscore nps csat 评分 满意度 得分",
        "severity": "severity priority 严重程度 优先级",
        "closed_at": "closedat closeddate resolvedat resolveddate 关闭日期 关闭时间 解决日期 办结日期",
    },
    "subscriptions": {
        "customer_id": CUSTOMER,
        "started_at": "startedat startdate contractstart validfrom begindate 开始日期 合同开始日期 生效日期 起始日期",
        "ended_at": "endedat enddate contractend validto cancelledat canceldate 结束日期 合同结束日期 终止日期 失效日期",
        "plan": "plan tariff product subscription 套餐 方案",
        "amount": "monthlyfee fee 月费 合同金额 " + AMOUNT,
    },
    "treatments": {
        "customer_id": CUSTOMER,
        "at": "at treatedat sentat contactdate 执行日期 发送日期 " + GENERIC_DATE,
        "action": "action offer treatment 行动 措施 优惠",
        "arm": "arm group treatmentgroup testgroup 组别 分组",
        "campaign": "campaign campaignid 活动 营销活动",
        "cost": "cost 成本 费用",
        "propensity": "propensity probability 概率",
    },
    "supplies": {
        "supplier_id": "supplierid supplier supplierno vendorid vendor vendorno 供应商编号 供应商 供应商代码",
        "ordered_at": "orderedat orderdate purchasedate 采购日期 下单日期 " + GENERIC_DATE,
        "amount": AMOUNT + " 采购金额",
        "promised_at": PROMISED,
        "delivered_at": DELIVERED + " receiptdate 到货日期 收货日期",
        "quantity": QUANTITY,
        "rejected_quantity": "rejectedquantity rejectedqty defects 拒收数量 不合格数量",
        "unit_price": UNIT_PRICE,
        "product_id": PRODUCT,
    },
    "panel": {
        "customer_id": CUSTOMER + " id",
        "as_of": "asof snapshotdate month 快照日期 统计日期",
        "label": "label churn churned ischurn exited attrition attrited left 流失 是否流失",
    },
}
"""For each table the names of each column; the more particular names stand first."""

FILE_NAMES: dict[str, str] = {
    "orders": "order sale transaction purchase retail receipt basket bestellung auftrag verkauf umsatz 订单 销售 交易 购买 流水",
    "customers": "customer client account member crm kunden 客户 会员 顾客",
    "invoices": "invoice bill receivable rechnung 发票 应收 账单",
    "payments": "payment receipt cash zahlung 收款 付款 回款",
    "interactions": "interaction contact ticket complaint call visit survey 互动 联系 投诉 拜访 工单 调查",
    "subscriptions": "subscription contract 合同 订阅",
    "treatments": "treatment campaign action 营销 活动",
    "supplies": "suppl vendor procurement 供应 采购",
    "panel": "panel snapshot churn 快照 流失",
}
"""Words in a file's name that speak for a table."""


def plain(name: str) -> str:
    """A name without case, signs and blanks: 'Customer ID' and 'customer_id' are both customerid."""
    return re.sub(r"[\W_]+", "", name.lower())


def rank(name: str, synonyms: str) -> int | None:
    """How early a source's column name stands among the names of a contract column, from 0; None if it does not."""
    known = synonyms.split()
    return known.index(plain(name)) if plain(name) in known else None
